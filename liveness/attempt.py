"""One attempt at a challenge on real frames: landmarks, face count, session and key frames put together.

The WebSocket stream and `bonafide check` both drive this class, so a recorded clip is judged as a stream is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from liveness.capture_time import CaptureClock, RepeatWatch
from liveness.effects import Effect, Examine, Finish, HintCode, Keep, Reason, Verdict
from liveness.landmarks import FaceMesh
from liveness.measures import Light, Measures, brightness, measure
from liveness.parallax import FaceView, examine_turn
from liveness.policy import DEFAULT_POLICY, Policy
from liveness.session import FrameRead, Refused, Session, State, TimePassed, TurnExamined
from liveness.steps import LivenessStep

Rgb = npt.NDArray[np.uint8]


class LandmarkReader(Protocol):
    """What an attempt needs of FaceMeshGraph."""

    def read(self, rgb: Rgb) -> tuple[FaceMesh, ...]:
        """Returns the faces in the picture."""
        ...


class Counter(Protocol):
    """What an attempt needs of FaceCounter."""

    def count(self, rgb: Rgb) -> int:
        """Returns how many faces are in the picture."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class KeyFrame:
    """A frame the attempt rests on: role "neutral" or "step:N". It is handed over and never held here."""

    role: str
    rgb: Rgb
    mesh: FaceMesh


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One frame of the story that `bonafide check --report` draws; None where there was no face."""

    t_ms: float
    state: State
    step: LivenessStep | None
    hint: HintCode
    progress: float
    yaw: float | None
    pitch: float | None
    ear: float | None
    mouth: float | None
    smile: float | None
    neutral_yaw: float | None
    neutral_pitch: float | None
    neutral_mouth: float | None
    neutral_smile: float | None
    open_ear: float | None
    brightness: float


class Attempt:
    """Judges frames one after another against `steps`; not thread-safe, one per stream.

    `started_ms` (the scale of `received_ms`) is when the first step was revealed. `graph` must be fresh or
    reset. `on_key_frame` is called inside `judge`, so nobody needs to hold frames. With `trace=True` the
    attempt remembers numbers, never pixels, for a report.
    """

    def __init__(
        self,
        *,
        steps: Sequence[LivenessStep],
        graph: LandmarkReader,
        counter: Counter,
        policy: Policy = DEFAULT_POLICY,
        on_key_frame: Callable[[KeyFrame], None] = lambda _: None,
        mirrored: bool = False,
        started_ms: float = 0.0,
        blink_substitute: LivenessStep | None = None,
        trace: bool = False,
    ) -> None:
        self._graph = graph
        self._counter = counter
        self._policy = policy
        self._on_key_frame = on_key_frame
        self._mirrored = mirrored
        self._session = Session(steps=steps, policy=policy, started_ms=started_ms, blink_substitute=blink_substitute)
        self._clock = CaptureClock(policy=policy)
        self._repeats = RepeatWatch(policy=policy)
        self._neutral_view: FaceView | None = None
        self._last_seq: int | None = None
        self._faces = 1
        self._counted_ms: float | None = None
        self._trace: list[TracePoint] | None = [] if trace else None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, once there is one."""
        return self._session.verdict

    @property
    def step(self) -> LivenessStep | None:
        """The step that is asked now."""
        return self._session.step

    @property
    def fps(self) -> float | None:
        """The measured frame rate."""
        return self._session.fps

    @property
    def trace(self) -> tuple[TracePoint, ...]:
        """The story so far; empty unless asked for."""
        return tuple(self._trace or ())

    def judge(self, rgb: Rgb, *, seq: int, captured_ms: float, received_ms: float) -> list[Effect]:
        """Takes the next frame, uint8 (H, W, 3) RGB, and returns Hint, StepPassed and Finish effects in order.

        Costs the landmark graph's time plus about 0.1 ms; a held turn costs about 7 ms once. Raises
        LandmarksError when the landmark engine fails.
        """
        if self.verdict is not None:
            return []
        if self._last_seq is not None and seq <= self._last_seq:
            return self._refuse(Reason.FRAMES_OUT_OF_ORDER, received_ms)
        self._last_seq = seq
        t_ms = self._clock.place(captured_ms=captured_ms, received_ms=received_ms)
        if isinstance(t_ms, Reason):
            return self._refuse(t_ms, received_ms)

        meshes = self._graph.read(rgb)
        mesh = meshes[0] if meshes else None
        # Only faces are watched for repeats: a covered lens is the same black again and again.
        repeat = self._repeats.check(rgb, t_ms) if mesh is not None else None
        if repeat is not None:
            return self._refuse(repeat, received_ms)
        face: Measures | None = None
        light = Light(brightness=0.0)
        view: FaceView | None = None
        if mesh is not None:
            face = measure(mesh, mirrored=self._mirrored)
            self._count(rgb, t_ms)
            light = Light(brightness=brightness(rgb, mesh))
            if self._session.state is State.SEEKING_NEUTRAL:
                view = FaceView.of(rgb, mesh)
                light = Light(brightness=light.brightness, sharpness=view.sharpness)
        faces = 0 if mesh is None else max(1, self._faces)
        frame = FrameRead(seq=seq, t_ms=t_ms, now_ms=received_ms, face=face, faces=faces, light=light)
        return self._carry_out(self._session.receive(frame), frame, rgb, mesh, view)

    def tick(self, now_ms: float) -> list[Effect]:
        """Lets time pass without a frame, so that time-outs come even when nothing arrives."""
        return self._session.receive(TimePassed(now_ms))

    def stop(self, now_ms: float) -> list[Effect]:
        """Says that no more frames come: a clip's end, a client that left."""
        return self._refuse(Reason.STOPPED, now_ms)

    def _refuse(self, reason: Reason, now_ms: float) -> list[Effect]:
        return self._session.receive(Refused(now_ms, reason))

    def _count(self, rgb: Rgb, t_ms: float) -> None:
        if self._counted_ms is None or t_ms - self._counted_ms >= self._policy.count_faces_every_ms:
            self._counted_ms = t_ms
            self._faces = self._counter.count(rgb)

    def _carry_out(
        self, effects: list[Effect], frame: FrameRead, rgb: Rgb, mesh: FaceMesh | None, view: FaceView | None
    ) -> list[Effect]:
        """Answers Examine, hands key frames over, and returns what the client should hear."""
        told: list[Effect] = []
        waiting = list(effects)
        progress = 0.0
        while waiting:
            effect = waiting.pop(0)
            if isinstance(effect, Examine):
                waiting.extend(self._session.receive(self._examined(frame, rgb, mesh)))
            elif isinstance(effect, Keep):
                assert mesh is not None
                if effect.role == "neutral":
                    self._neutral_view = view
                self._on_key_frame(KeyFrame(effect.role, rgb, mesh))
            else:
                if not isinstance(effect, Finish):
                    progress = getattr(effect, "progress", progress)
                told.append(effect)
        if self._trace is not None:
            self._trace.append(self._traced(frame, progress))
        return told

    def _examined(self, frame: FrameRead, rgb: Rgb, mesh: FaceMesh | None) -> TurnExamined:
        assert mesh is not None
        assert self._neutral_view is not None
        evidence = examine_turn(self._neutral_view, FaceView.of(rgb, mesh), self._policy)
        return TurnExamined(seq=frame.seq, t_ms=frame.t_ms, now_ms=frame.now_ms, evidence=evidence)

    def _traced(self, frame: FrameRead, progress: float) -> TracePoint:
        face, neutral = frame.face, self._session.neutral
        return TracePoint(
            t_ms=frame.t_ms,
            state=self._session.state,
            step=self._session.step,
            hint=self._session.last_hint,
            progress=progress,
            yaw=face.yaw if face else None,
            pitch=face.pitch if face else None,
            ear=face.ear if face else None,
            mouth=face.mouth if face else None,
            smile=face.mouth_width if face else None,
            neutral_yaw=neutral.yaw if neutral else None,
            neutral_pitch=neutral.pitch if neutral else None,
            neutral_mouth=neutral.mouth if neutral else None,
            neutral_smile=neutral.mouth_width if neutral else None,
            open_ear=self._session.open_ear or None,
            brightness=frame.light.brightness,
        )
