"""Every threshold of the liveness judgement, each with its reason and the measurement that set it.

"Clips" are the five labelled recordings (d12, d13, d14, d18, talking), one bona fide person each. "Heads" are
those clips' turned frames and twelve portraits rotated in depth; "flat" are the same portraits printed on a
plane and on a bent sheet, tilted up to 45 degrees about any axis, moved, scaled and degraded (blur, noise,
gain, JPEG 60 at 320 pixels). The figures are printed by tests/bench/liveness_margins.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The thresholds in use; angles in degrees, times in milliseconds, lengths as shares of what is named."""

    # --- The picture. -------------------------------------------------------------------------------------
    # Face size is sqrt(width x height) of the face oval over the picture's short side: clips 0.42 to 0.63.
    # Below a quarter, 60 pixels at 320x240, eyelids are under 3 pixels apart and the blink drowns in noise.
    min_face_share: float = 0.25
    max_face_share: float = 0.85  # nearer, a turn pushes the oval out of the picture
    # Once the neutral pose is taken the limits are looser, so that a hint never flickers at the edge.
    min_face_share_later: float = 0.20
    max_face_share_later: float = 0.95
    max_off_centre: float = 0.25  # of the picture, each axis; clips at their neutral pose: up to 0.11
    # Mean luma of the face, 0 to 255: clips 109 to 171. FaceMesh itself still reads faces at a quarter of that.
    min_brightness: float = 40.0
    max_brightness: float = 225.0
    # Laplacian deviation over grey deviation of the 80 pixel face patch: clips 0.40 to 0.92; at 320 pixels and
    # blurred by sigma 3 pixels 0.24 to 0.41, by sigma 5, where lids are lost, 0.17 to 0.27. Light hardly matters.
    min_sharpness: float = 0.15
    # A turned frame may be softer than the neutral one (motion), but neither may be defocused against the other to
    # hide a plane's match: the ratio of their sharpness stays between this and its inverse.
    min_sharpness_of_neutral: float = 0.30

    # --- The neutral pose: everything else is measured against it. --------------------------------------
    # A photo of a sideways face lets a plane look like a turn (lab.md), so neutral is near frontal. Clips sit
    # at up to 6 degrees of yaw; cameras below or above the face put pitch at -20 to +5.
    neutral_max_yaw: float = 8.0
    neutral_min_pitch: float = -22.0
    neutral_max_pitch: float = 14.0
    neutral_max_roll: float = 20.0
    neutral_hold_ms: float = 400.0  # three frames at 5 a second
    neutral_min_frames: int = 3
    neutral_yaw_spread: float = 5.0  # largest minus smallest inside the hold: a still head jitters by 2
    neutral_pitch_spread: float = 6.0
    neutral_max_mouth: float = 0.35  # talking reaches 0.35; a mouth wide open is not a neutral face
    neutral_min_eye_of_best: float = 0.70  # the kept frame shows open eyes

    # --- Head turns. ------------------------------------------------------------------------------------
    # People who "turn" reach 15 to 23 degrees (lab.md; d12 18 to 21). People who talk reach 11.5 (talking).
    turn_full: float = 13.0
    turn_keep: float = 10.0  # hysteresis: a held turn may sag this far
    turn_full_absolute: float = 12.5  # towards the camera's own axis too: talking drifts from +6 to -8.9
    # Nodding in speech reaches 9 degrees from the neutral pitch (d14, talking); looking up or down 13 to 20.
    tilt_full: float = 12.0
    tilt_keep: float = 9.0
    turn_hold_ms: float = 160.0  # two frames at 5 a second; d12 holds its turns 320 to 560 ms
    rest_yaw: float = 8.0  # back to neutral: inside hysteresis of the smallest turn
    rest_pitch: float = 8.0

    # --- A head is not a plane. -------------------------------------------------------------------------
    # Residual: root of the mean square distance that the best homography from the neutral frame leaves on 54
    # rigid points, % of face size. Heads turned fully 2.4 to 4.1 (d12, talking); flat 0.4 to 6.
    min_residual_pct: float = 2.0
    # Squeeze: ratio of the singular values of the affine part. Heads up to 1.25; flat at 45 degrees 1.41 and,
    # between two tilts, up to 1.9, where the landmarks of a plane become unreliable.
    max_squeeze: float = 1.30
    # Share of the face whose *pixels* a plane's motion explains (local correlation above 0.9 after the best
    # homography is found): d12 and talking at most 0.02, portraits rotated in depth 0.34 (99 of 100) to 0.52,
    # flat at least 0.77 inside the squeeze limit (1.00 for 19 of 20). All three looks together took 0 of 2,165
    # pairs of a flat photo's pictures for a head and 33 of 2,625 of a bent one's (arcs up to 60 degrees, which
    # are no plane), all of them pairs whose angles already looked turned.
    max_plane_share: float = 0.42
    examine_again_ms: float = 250.0  # after a turn that a plane explains, look again this much later

    # --- Eyes. ------------------------------------------------------------------------------------------
    # Ratio to the person's own running open-eye value. A blink stays under 0.64 for at least 100 ms in all 28
    # labelled blinks (FaceMesh smooths), so that 12 frames a second always see one; talking alone stays above.
    blink_closed: float = 0.64
    blink_open: float = 0.72
    blink_rise: float = 0.30  # or risen this much from the lowest: after a blink the eyes may stay narrow (d14)
    blink_open_least: float = 0.50
    blink_max_ms: float = 1500.0  # longer is closed eyes, not a blink
    blink_min_fps: float = 12.0  # standards.md: below, a blink of 100 ms can fall between two frames
    blink_fps_tolerance: float = 0.05  # capture jitter around a nominal 12
    blink_low_fps_ms: float = 3000.0  # a rate this long too low ends the attempt and says so
    eye_open_tau_ms: float = 1200.0  # the running value follows open eyes quickly
    eye_shut_tau_ms: float = 8000.0  # and closed ones hardly

    # --- Mouth. -----------------------------------------------------------------------------------------
    # Opening (13-14 over 61-291): closed 0.0 to 0.05, talking up to 0.35 (0.52 for 40 ms), open 0.45 to 0.85.
    mouth_open: float = 0.42
    mouth_open_above_neutral: float = 0.25
    mouth_keep: float = 0.36
    mouth_rest: float = 0.30
    mouth_hold_ms: float = 160.0
    # Mouth width over eye distance against neutral: speech 0.75 to 1.22 in passing, a smile 1.25 to 1.41 held.
    smile_wider: float = 1.18
    smile_keep: float = 1.13
    smile_rest: float = 1.10
    smile_corners_up: float = 0.02  # corners nearer to the nose, in eye distances: -0.05 to -0.12 in smiles
    smile_hold_ms: float = 500.0
    smile_max_yaw: float = 10.0  # a turned mouth changes width by itself (d12: 0.66 to 1.25)

    # --- Time. ------------------------------------------------------------------------------------------
    # Simple visual reactions take 180 to 250 ms (Luce, Response Times, 1986; Woods et al. 2015, 231 +- 27 ms at
    # the key press); reading a word and moving a head to its full turn takes longer still. A movement that is
    # complete 200 ms after its prompt began before it.
    min_response_ms: float = 200.0
    max_frame_gap_ms: float = 600.0  # across a longer gap nobody saw the gesture being held
    neutral_timeout_ms: float = 20_000.0
    step_timeout_ms: float = 12_000.0
    whole_timeout_ms: float = 75_000.0
    face_lost_ms: float = 1500.0  # FaceMesh never lost a face for a frame in the clips
    many_faces_ms: float = 900.0  # two counts in a row, so that one false detection never fails anyone
    count_faces_every_ms: float = 500.0

    # --- Continuity. ------------------------------------------------------------------------------------
    # Between frames at most 250 ms apart the face moved up to 0.86 of its size and scaled by up to 9 % (d12).
    jump_within_ms: float = 250.0
    max_jump: float = 1.3
    max_scale_jump: float = 1.45
    # A sensor's noise never repeats a frame. A camera polled too fast repeats its last one, so neighbours only
    # count when they go on; anything older that comes back is a loop.
    frozen_ms: float = 1200.0
    max_looped_frames: int = 3
    # A browser's claim is refused when two of its pictures are one. Two looks a second apart at a person who tries to
    # hold still differ by 0.30 pixels of the 80 pixel view and correlate by 0.997 at most (clips at 320 pixels); the
    # same picture brightened, shifted or written anew (JPEG 40 to 60) mostly stays within 0.29 and above 0.99.
    same_picture_moved_px: float = 0.28
    same_picture_correlation: float = 0.99
    # The client's capture clock refines the server's by at most the network's delay.
    max_capture_lag_ms: float = 2000.0
    max_clock_drift_ms: float = 5000.0

    def blink_possible(self, fps: float) -> bool:
        """Whether a measured frame rate is enough to ask for BLINK."""
        return fps >= self.blink_min_fps * (1 - self.blink_fps_tolerance)


DEFAULT_POLICY = Policy()
