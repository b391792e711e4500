"""Which templates of a person stay when another is added."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np

from app.faces.model import MOST_TEMPLATES, FaceTemplate, displaced

FIRST = date(2026, 1, 1)


def template(day: int, *, is_anchor: bool = False) -> FaceTemplate:
    return FaceTemplate(
        id=UUID(int=day + 1),
        account_id=UUID(int=0),
        descriptor=np.zeros(128, np.float32),
        taken_on=FIRST + timedelta(days=day),
        is_anchor=is_anchor,
        created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day),
    )


def gone(templates: list[FaceTemplate], *, day: int) -> list[int]:
    return [(each.taken_on - FIRST).days for each in displaced(templates, on=FIRST + timedelta(days=day))]


def test_the_first_five_days_all_stay() -> None:
    """A person would be found on fewer of their looks than promised."""
    held = [template(0, is_anchor=True)]
    assert gone([], day=0) == []
    for day in range(1, MOST_TEMPLATES):
        assert gone(held, day=day) == []
        held.append(template(day))


def test_the_sixth_day_drops_the_oldest_but_the_first() -> None:
    """Templates would pile up, or a person would never be found as they look today."""
    held = [template(0, is_anchor=True), *(template(day) for day in (4, 2, 1, 3))]
    assert gone(held, day=5) == [1]


def test_the_same_day_is_replaced() -> None:
    """Five pictures of one evening would push out all other days."""
    held = [template(0, is_anchor=True), *(template(day) for day in range(1, 5))]
    assert gone(held, day=3) == [3]


def test_the_first_stays_even_on_its_own_day() -> None:
    """In one evening somebody could walk a person's templates over to another face, each step a small one."""
    assert gone([template(0, is_anchor=True)], day=0) == []
    assert gone([template(0, is_anchor=True), template(0)], day=0) == [0]


def test_a_gallery_that_was_overfull_comes_back_to_its_size() -> None:
    """Rows of a release with a larger limit would stay for ever."""
    held = [template(0, is_anchor=True), *(template(day) for day in range(1, 8))]
    assert gone(held, day=9) == [1, 2, 3, 4]
