"""What is kept of a face, and which of several templates stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.errors import Code, Problem

Descriptor = npt.NDArray[np.float32]

MOST_TEMPLATES = 5
"""Of one person; each further one is one more chance to look like a stranger."""


class FaceLoginMode(StrEnum):
    """What a face opens: FACE_LOGIN."""

    OFF = "off"
    SECOND_FACTOR = "second_factor"
    STANDALONE = "standalone"

    def demand_on(self) -> None:
        """Raises Problem(FORBIDDEN) with the reason FACE_LOGIN_OFF where a face opens nothing."""
        if self is FaceLoginMode.OFF:
            raise Problem(Code.FORBIDDEN, "Sign-in by face is switched off here.", reason="FACE_LOGIN_OFF")


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTemplate:
    """One enrolled view of a face; the anchor is the first of its person."""

    id: UUID
    account_id: UUID
    descriptor: Descriptor
    taken_on: date
    is_anchor: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """Templates, those of one person side by side, each person's oldest first."""

    owners: Sequence[UUID]
    days: Sequence[date]
    descriptors: Descriptor

    @property
    def starts(self) -> list[int]:
        """Where each person's begin."""
        return [at for at, owner in enumerate(self.owners) if at == 0 or self.owners[at - 1] != owner]


@dataclass(frozen=True, kw_only=True)
class GallerySize:
    """How much a gallery holds; templates of other kinds are neither searched nor compared."""

    templates: int
    people: int
    of_other_kinds: int


def displaced(templates: Sequence[FaceTemplate], *, on: date) -> list[FaceTemplate]:
    """Those of a person's templates that give way to a new one taken on day `on`.

    Templates are of different days, because pictures of one day say little that is new: a second one replaces that
    day's. Past `MOST_TEMPLATES` the oldest goes, because faces age. The anchor never goes, not even on its own day:
    each new template must match it, so that nobody can walk a person's templates over to another face step by step.
    """
    others = sorted((each for each in templates if not each.is_anchor), key=lambda each: (each.taken_on, each.id))
    same_day = [each for each in others if each.taken_on == on]
    kept = [each for each in others if each.taken_on != on]
    return same_day + kept[: max(0, len(kept) - (MOST_TEMPLATES - 2))]  # beside them stay the anchor and the new one
