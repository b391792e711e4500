"""The timing of an animated answer: what a person's reactions look like to the server."""

import itertools

import pytest

from app.client.performance import CALM_MS, REACHES, SETTLE_MS, Performer, Sway, perform, timing_of
from liveness.steps import LivenessStep


@pytest.mark.parametrize("step", list(LivenessStep))
def test_every_answer_waits_reaches_fully_holds_and_returns(step: LivenessStep) -> None:
    """Without it: an answer comes faster than a person can react, or too short to be seen at 10 frames a second."""
    timing = timing_of(step)
    shares = [perform(step, t_ms / 1000) for t_ms in range(timing.answer_ms)]
    assert 350 <= shares.index(next(share for share in shares if share > 0)) <= 500
    assert shares.count(1.0) >= (200 if step is LivenessStep.BLINK else 700)
    assert shares[-1] == 0.0
    assert max(abs(b - a) for a, b in itertools.pairwise(shares)) < 0.02


def test_an_answer_that_was_not_taken_is_given_again() -> None:
    """Without it: one lost frame at the wrong time fails the whole attempt."""
    answer_s = timing_of(LivenessStep.SMILE).answer_ms / 1000
    assert perform(LivenessStep.SMILE, 1.2) == perform(LivenessStep.SMILE, 1.2 + 2 * answer_s) == 1.0


def test_the_head_returns_to_rest_before_the_next_answer() -> None:
    """Without it: the server sees no neutral pose between two steps and never counts the second."""
    performer = Performer()
    performer.prompt(LivenessStep.LOOK_LEFT)
    performer.at(0)
    held_ms = SETTLE_MS + 1200
    assert performer.at(held_ms) == (LivenessStep.LOOK_LEFT, 1.0)
    performer.prompt(LivenessStep.LOOK_UP)
    way = [performer.at(t_ms) for t_ms in range(held_ms, held_ms + 2500)]
    first_up = next(i for i, (step, share) in enumerate(way) if step is LivenessStep.LOOK_UP and share > 0)
    assert way[0] == (LivenessStep.LOOK_LEFT, 1.0)
    at_rest = [share for _, share in way[:first_up]].count(0.0)
    assert at_rest >= CALM_MS + 350
    shares = [share for _, share in way]
    assert max(abs(b - a) for a, b in itertools.pairwise(shares)) < 0.02


def test_every_step_has_an_answer() -> None:
    """Without it: a challenge may draw a step that the client stands still for."""
    assert set(REACHES) == set(LivenessStep)


def test_sway_is_small_smooth_and_repeatable() -> None:
    """Without it: the photo stands unnaturally still, or sways so far that the server asks to hold still."""
    one, two = Sway(seed=3), Sway(seed=3)
    poses = [one.at(t_ms)[0].yaw_deg for t_ms in range(0, 20_000, 10)]
    assert [two.at(t_ms)[0].yaw_deg for t_ms in range(0, 20_000, 10)] == poses
    assert max(map(abs, poses)) <= 0.7
    assert len(set(poses)) == len(poses)
    assert max(abs(b - a) for a, b in itertools.pairwise(poses)) < 0.05
