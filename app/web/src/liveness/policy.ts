/** The gesture rules' thresholds. They stand in liveness/policy.py, with their reasons; a page is told them. */

import { CheckFault } from "./check.js";

/** What the rules in this folder use of GET /client/liveness-policy. Degrees, milliseconds, shares of what is named. */
export const NAMES = [
  "min_face_share", "max_face_share", "min_face_share_later", "max_face_share_later", "max_off_centre",
  "min_brightness", "max_brightness", "min_sharpness",
  "neutral_max_yaw", "neutral_min_pitch", "neutral_max_pitch", "neutral_max_roll", "neutral_hold_ms",
  "neutral_min_frames", "neutral_yaw_spread", "neutral_pitch_spread", "neutral_max_mouth", "neutral_min_eye_of_best",
  "turn_full", "turn_keep", "turn_full_absolute", "tilt_full", "tilt_keep", "turn_hold_ms", "rest_yaw", "rest_pitch",
  "examine_again_ms",
  "blink_closed", "blink_open", "blink_rise", "blink_open_least", "blink_max_ms", "blink_min_fps", "blink_fps_tolerance",
  "blink_low_fps_ms", "eye_open_tau_ms", "eye_shut_tau_ms",
  "mouth_open", "mouth_open_above_neutral", "mouth_keep", "mouth_rest", "mouth_hold_ms",
  "smile_wider", "smile_keep", "smile_rest", "smile_corners_up", "smile_hold_ms", "smile_max_yaw",
  "min_response_ms", "max_frame_gap_ms", "neutral_timeout_ms", "step_timeout_ms", "whole_timeout_ms", "face_lost_ms",
  "many_faces_ms", "jump_within_ms", "max_jump", "max_scale_jump",
] as const;

export type Policy = Readonly<Record<(typeof NAMES)[number], number>>;

/** The thresholds as they were told; throws a CheckFault where one is missing, as from a server of another version. */
export function policyOf(told: Readonly<Record<string, number>>): Policy {
  for (const name of NAMES) if (!Number.isFinite(told[name])) throw new CheckFault("REFUSED");
  return told as Policy;
}

/** Whether a measured frame rate is enough to ask for BLINK. */
export function blinkPossible(policy: Policy, fps: number): boolean {
  return fps >= policy.blink_min_fps * (1 - policy.blink_fps_tolerance);
}
