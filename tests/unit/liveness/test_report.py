"""The report of an attempt: does it tell a refused person why?"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

import pytest

from liveness.attempt import TracePoint
from liveness.effects import HintCode, StepOutcome, Verdict
from liveness.policy import DEFAULT_POLICY
from liveness.report import draw_report
from liveness.session import State
from liveness.steps import LivenessStep

Step = LivenessStep
SVG = "{http://www.w3.org/2000/svg}"


def point(t_ms: float, **values: object) -> TracePoint:
    calm = TracePoint(
        t_ms=t_ms,
        state=State.AWAITING_GESTURE,
        step=Step.LOOK_LEFT,
        hint=HintCode.OK,
        progress=0.0,
        yaw=1.0,
        pitch=-4.0,
        ear=0.3,
        mouth=0.02,
        smile=0.6,
        neutral_yaw=1.0,
        neutral_pitch=-4.0,
        neutral_mouth=0.02,
        neutral_smile=0.6,
        open_ear=0.3,
        brightness=120.0,
    )
    return replace(calm, **values)  # type: ignore[arg-type]  # names checked by replace itself


def story(end_ms: int = 4000) -> list[TracePoint]:
    seeking = {"state": State.SEEKING_NEUTRAL, "hint": HintCode.LOOK_STRAIGHT, "neutral_yaw": None}
    return [point(t, **(seeking if t < 500 else {})) for t in range(0, end_ms, 100)]


FAILED = Verdict(
    False,
    "CHALLENGE_FAILED",
    ("OPPOSITE_TURN: the head turned fully to the opposite side during LOOK_LEFT, 3.9 s after the start",),
    (
        StepOutcome(Step.OPEN_MOUTH, True, 1500),
        StepOutcome(Step.LOOK_LEFT, False, 3900),
        StepOutcome(Step.BLINK, False, None),
    ),
)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def words(svg: str) -> str:
    return " | ".join(text for element in parsed(svg).iter() if (text := (element.text or "").strip()))


def test_the_reason_stands_on_top_in_plain_words() -> None:
    """A live person was refused and nobody can tell why: the commonest complaint about every peer."""
    svg = draw_report(story(), FAILED, title="clip.mp4", notes=["distance to the photo 0.40"])
    told = words(svg)
    assert "clip.mp4: Failed (CHALLENGE_FAILED)" in told
    assert "Why: the head turned fully to the opposite side during LOOK_LEFT" in told
    assert "1 OPEN_MOUTH: seen after 1.5 s · 2 LOOK_LEFT: not seen · 3 BLINK: not reached" in told
    assert "distance to the photo 0.40" in told


def test_everything_measured_is_drawn() -> None:
    """The report would leave out just what decided."""
    svg = draw_report(story(), FAILED)
    told = words(svg)
    for name in ("Yaw", "Pitch", "Eyes", "Mouth", "Smile", "1 OPEN_MOUTH", "2 LOOK_LEFT", "LOOK_STRAIGHT"):
        assert name in told
    assert "3 BLINK |" not in told  # it was never prompted, so it has no band
    lines = [e for e in parsed(svg).iter(f"{SVG}polyline") if e.get("class") == "line"]
    assert len(lines) == 5
    assert all(len((line.get("points") or "").split()) == 40 for line in lines)


@pytest.mark.parametrize(
    ("step", "panel_words"),
    [
        (Step.LOOK_LEFT, "LOOK_LEFT beyond this"),
        (Step.LOOK_RIGHT, "LOOK_RIGHT beyond this"),
        (Step.LOOK_UP, "LOOK_UP beyond this"),
        (Step.LOOK_DOWN, "LOOK_DOWN beyond this"),
        (Step.BLINK, "closed below this"),
        (Step.OPEN_MOUTH, "open above this"),
        (Step.SMILE, "wide above this"),
    ],
)
def test_each_steps_threshold_is_shown(step: Step, panel_words: str) -> None:
    """One could not see how far the gesture was from enough."""
    verdict = Verdict(False, "CHALLENGE_FAILED", ("STEP_TIMED_OUT: x",), (StepOutcome(step, False, 3900),))
    assert panel_words in words(draw_report(story(), verdict))


def test_the_threshold_is_the_one_that_judges() -> None:
    """A line in the wrong place would explain a verdict that was never made."""
    policy = replace(DEFAULT_POLICY, turn_full=18.0, turn_full_absolute=10.0)
    verdict = Verdict(False, "CHALLENGE_FAILED", (), (StepOutcome(Step.LOOK_LEFT, False, 3900),))

    def height(value: float) -> float:
        """Where the yaw panel draws `value`: yaw touches it and nothing else is higher."""
        trace = [point(0, yaw=value), *story()[1:]]
        svg = draw_report(trace, verdict, policy=policy)
        first = next(e for e in parsed(svg).iter(f"{SVG}polyline") if e.get("class") == "line")
        return float((first.get("points") or "").split()[0].split(",")[1])

    svg = draw_report(story(), verdict, policy=policy)
    levels = sorted(float(e.get("y1") or 0) for e in parsed(svg).iter(f"{SVG}line") if e.get("class") == "level")
    assert levels == pytest.approx([height(19.0), height(-17.0)], abs=0.1)


def test_a_face_that_left_interrupts_the_lines() -> None:
    """A line drawn through the gap would claim a face that was not there."""
    trace = story()
    trace[20:25] = [
        replace(p, yaw=None, pitch=None, ear=None, mouth=None, smile=None, hint=HintCode.NO_FACE) for p in trace[20:25]
    ]
    svg = draw_report(trace, FAILED)
    assert len([e for e in parsed(svg).iter(f"{SVG}polyline") if e.get("class") == "line"]) == 10
    assert "NO_FACE" in words(svg)


def test_it_stands_alone_and_reads_aloud() -> None:
    """It could not be mailed to support, read in the dark, or heard by somebody who cannot see it."""
    svg = draw_report(story(), FAILED, title="clip.mp4")
    root = parsed(svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert [root[0].tag, root[0].get("id"), root[1].tag, root[1].get("id")] == [
        f"{SVG}title",
        "title",
        f"{SVG}desc",
        "desc",
    ]
    assert "opposite side" in (root[1].text or "")
    assert "prefers-color-scheme:dark" in svg
    outside = re.findall(
        r"(?:https?:|href|url\(|@import|<script|<image)", svg.replace("http://www.w3.org/2000/svg", "")
    )
    assert outside == []


def test_names_cannot_break_out_of_the_picture() -> None:
    """A clip's file name would run as a script where the report is shown."""
    nasty = '</title><script>alert("&")</script>\x00\x1b\ud800\uffff'
    verdict = replace(FAILED, reasons=(nasty,))
    root = parsed(draw_report(story(), verdict, title=nasty, notes=[nasty]))
    assert not list(root.iter(f"{SVG}script"))
    assert '<script>alert("&")</script>' in (root[0].text or "")


def test_a_blink_survives_a_long_story() -> None:
    """Thinning the line for size would hide the one frame with closed eyes."""
    trace = [point(t * 33) for t in range(9000)]
    trace[4321] = point(4321 * 33, ear=0.01)
    svg = draw_report(trace, replace(FAILED, steps=(StepOutcome(Step.BLINK, False, 297_000),)))
    assert len(svg) < 400_000
    lows = [
        max(float(pair.split(",")[1]) for pair in (e.get("points") or "").split())
        for e in parsed(svg).iter(f"{SVG}polyline")
        if e.get("class") == "line"
    ]
    calm = draw_report(story(), replace(FAILED, steps=(StepOutcome(Step.BLINK, False, 3900),)))
    calm_lows = [
        max(float(pair.split(",")[1]) for pair in (e.get("points") or "").split())
        for e in parsed(calm).iter(f"{SVG}polyline")
        if e.get("class") == "line"
    ]
    assert lows[2] > calm_lows[2] + 40


@pytest.mark.parametrize("trace", [[], [point(0)], [point(0, yaw=None, pitch=None, ear=None, mouth=None, smile=None)]])
@pytest.mark.parametrize("verdict", [FAILED, Verdict(False, "NO_FACE", (), ()), Verdict(True, None, (), ())])
def test_hardly_any_story_is_still_a_report(trace: Sequence[TracePoint], verdict: Verdict) -> None:
    """The shortest failures, which need the explanation most, would crash the command."""
    assert parsed(draw_report(trace, verdict)).tag == f"{SVG}svg"


def test_a_late_clock_is_shifted_to_the_attempts_start() -> None:
    """A stream's report would begin with an hour of nothing."""
    late = [replace(p, t_ms=p.t_ms + 3_600_000) for p in story()]
    assert draw_report(late, FAILED, started_ms=3_600_000) == draw_report(story(), FAILED)
