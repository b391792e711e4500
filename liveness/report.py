"""The story of one attempt as one SVG: what was measured, what was asked, and why it ended as it did.

Numbers only: no picture and no landmark enters a report.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import Final

from liveness.attempt import TracePoint
from liveness.effects import HintCode, Verdict
from liveness.policy import DEFAULT_POLICY, Policy
from liveness.report_svg import Band, Level, Mark, Panel, Picture, Sample, Tone, draw
from liveness.session import State
from liveness.steps import LivenessStep

_SEEKING: Final = "neutral"


def draw_report(
    trace: Sequence[TracePoint],
    verdict: Verdict,
    *,
    title: str = "",
    notes: Sequence[str] = (),
    started_ms: float = 0.0,
    policy: Policy = DEFAULT_POLICY,
) -> str:
    """The SVG of an attempt that remembered its `trace` and ended with `verdict`.

    `started_ms` is the attempt's own; `title` names what was judged, `notes` are further lines for the top. With
    an empty trace only the words are drawn.
    """
    times = [(point.t_ms - started_ms) / 1000 for point in trace] or [0.0, 1.0]
    ends = [outcome.at_ms / 1000 for outcome in verdict.steps if outcome.at_ms is not None]
    end = max([times[-1], *ends, times[0] + 0.1])
    bands = _bands(trace, verdict, started_ms, end)
    head, lines = _words(verdict, notes)
    asked = ", ".join(outcome.step for outcome in verdict.steps)
    return draw(
        Picture(
            title=f"{title}: {head}" if title else head,
            tone="good" if verdict.passed else "bad",
            lines=lines,
            description=f"Liveness attempt, asked for {asked}. {head}. {' '.join(lines)}",
            start=min(times[0], 0.0),
            end=end,
            panels=list(_panels(trace, verdict, bands, started_ms, policy)),
            bands=bands,
            marks=[*_hints(trace, started_ms), *_faults(verdict, end)],
        )
    )


def _words(verdict: Verdict, notes: Sequence[str]) -> tuple[str, list[str]]:
    if verdict.passed:
        head, lines = "Passed", ["Every step was seen in its turn, on one face that moves like a head."]
    else:
        head = f"Failed ({verdict.error})" if verdict.error else "Failed"
        lines = [f"{'Why' if number == 0 else 'Also'}: {_plain(r)}" for number, r in enumerate(verdict.reasons)]
    steps = []
    for number, outcome in enumerate(verdict.steps, start=1):
        if outcome.passed and outcome.at_ms is not None:
            steps.append(f"{number} {outcome.step}: seen after {outcome.at_ms / 1000:.1f} s")
        else:
            steps.append(f"{number} {outcome.step}: {'not seen' if outcome.at_ms is not None else 'not reached'}")
    return head, [*lines, " · ".join(steps), *notes]


def _plain(reason: str) -> str:
    """ "CODE: words" as "words (CODE)"; other text as it is."""
    code, colon, words = reason.partition(": ")
    return f"{words} [{code}]" if colon and code.replace("_", "").isupper() else reason


def _bands(trace: Sequence[TracePoint], verdict: Verdict, started_ms: float, end: float) -> list[Band]:
    """The search for a neutral face, then each step from its prompt to its end."""
    asked_from = next((p.t_ms for p in trace if p.state is not State.SEEKING_NEUTRAL), None)
    found = asked_from is not None and verdict.steps
    if asked_from is None or not found:
        return [Band(start=0.0, end=end, text=_SEEKING, tone="plain" if verdict.passed else "bad")]
    at = (asked_from - started_ms) / 1000
    bands = [Band(start=0.0, end=at, text=_SEEKING)]
    for number, outcome in enumerate(verdict.steps, start=1):
        until = outcome.at_ms / 1000 if outcome.passed and outcome.at_ms is not None else end
        tone: Tone = "good" if outcome.passed else "bad"
        bands.append(Band(start=at, end=max(at, until), text=f"{number} {outcome.step}", tone=tone))
        at = until
        if not outcome.passed:
            break
    return bands


def _panels(
    trace: Sequence[TracePoint], verdict: Verdict, bands: Sequence[Band], started_ms: float, policy: Policy
) -> Iterator[Panel]:
    levels: dict[str, list[Level]] = {"yaw": [], "pitch": [], "ear": [], "mouth": [], "smile": []}
    for band, outcome in zip([b for b in bands if b.text != _SEEKING], verdict.steps, strict=False):
        within = [p for p in trace if band.start <= (p.t_ms - started_ms) / 1000 <= band.end]
        # While the head still comes back from the step before, nothing is demanded and nothing fails.
        judged = next((p for p in within if p.state is not State.RETURNING), None)
        start = (judged.t_ms - started_ms) / 1000 if judged else band.start
        for panel, value, text in _levels(outcome.step, within, policy):
            levels[panel].append(Level(start=start, end=band.end, value=value, text=text))

    def line(name: str) -> list[Sample]:
        return [((p.t_ms - started_ms) / 1000, getattr(p, name)) for p in trace]

    yield Panel(
        name="Yaw",
        note="degrees, up: own left; grey: neutral",
        low=-20,
        high=20,
        samples=line("yaw"),
        rest=line("neutral_yaw"),
        levels=levels["yaw"],
    )
    yield Panel(
        name="Pitch",
        note="degrees, up: looks up; grey: neutral",
        low=-20,
        high=15,
        samples=line("pitch"),
        rest=line("neutral_pitch"),
        levels=levels["pitch"],
    )
    yield Panel(
        name="Eyes",
        note="aspect ratio; grey: own open eyes",
        low=0,
        high=0.4,
        samples=line("ear"),
        rest=line("open_ear"),
        levels=levels["ear"],
    )
    yield Panel(
        name="Mouth",
        note="lip gap over width; grey: neutral",
        low=0,
        high=0.6,
        samples=line("mouth"),
        rest=line("neutral_mouth"),
        levels=levels["mouth"],
    )
    yield Panel(
        name="Smile",
        note="mouth width over eye distance",
        low=0.4,
        high=0.9,
        samples=line("smile"),
        rest=line("neutral_smile"),
        levels=levels["smile"],
    )


def _levels(step: LivenessStep, within: Sequence[TracePoint], policy: Policy) -> Iterator[tuple[str, float, str]]:
    """Panel, value and words of what `step` demands, as the detectors compute it (liveness.gestures)."""
    yaw = _middle([p.neutral_yaw for p in within])
    pitch = _middle([p.neutral_pitch for p in within])
    if step in (LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT) and yaw is not None:
        left = max(yaw + policy.turn_full, policy.turn_full_absolute)
        right = min(yaw - policy.turn_full, -policy.turn_full_absolute)
        asked = step is LivenessStep.LOOK_LEFT
        yield "yaw", left, "LOOK_LEFT beyond this" if asked else "opposite side: fails beyond this"
        yield "yaw", right, "opposite side: fails beyond this" if asked else "LOOK_RIGHT beyond this"
    elif step in (LivenessStep.LOOK_UP, LivenessStep.LOOK_DOWN) and pitch is not None:
        asked = step is LivenessStep.LOOK_UP
        yield "pitch", pitch + policy.tilt_full, "LOOK_UP beyond this" if asked else "opposite: fails beyond this"
        yield "pitch", pitch - policy.tilt_full, "opposite: fails beyond this" if asked else "LOOK_DOWN beyond this"
    elif step is LivenessStep.BLINK and (ear := _middle([p.open_ear for p in within])) is not None:
        yield "ear", ear * policy.blink_closed, f"closed below this ({policy.blink_closed:.0%} of open)"
    elif step is LivenessStep.OPEN_MOUTH and (mouth := _middle([p.neutral_mouth for p in within])) is not None:
        yield "mouth", max(policy.mouth_open, mouth + policy.mouth_open_above_neutral), "open above this"
    elif step is LivenessStep.SMILE and (wide := _middle([p.neutral_smile for p in within])) is not None:
        yield "smile", wide * policy.smile_wider, f"wide above this ({policy.smile_wider:.2f} of neutral)"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _hints(trace: Sequence[TracePoint], started_ms: float) -> Iterator[Mark]:
    """What the person was told, without OK; each hint lasts until the frame that changed it."""
    runs = [(hint, list(points)) for hint, points in groupby(trace, key=lambda p: p.hint)]
    for number, (hint, points) in enumerate(runs):
        until = runs[number + 1][1][0] if number + 1 < len(runs) else points[-1]
        if hint is not HintCode.OK:
            start, end = (points[0].t_ms - started_ms) / 1000, (until.t_ms - started_ms) / 1000
            yield Mark(start=start, end=end, text=hint.value)


def _faults(verdict: Verdict, end: float) -> Iterator[Mark]:
    if not verdict.passed and verdict.reasons:
        code, colon, _ = verdict.reasons[0].partition(":")
        yield Mark(start=end, end=end, text=code if colon else "fault", is_fault=True)
