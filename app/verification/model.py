"""What a verification says: outcomes as values, never exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from liveness.steps import LivenessStep

Rgb = npt.NDArray[np.uint8]
Descriptor = npt.NDArray[np.float32]


VERIFICATION_ENDED = "verification_ended"
"""The kind under which outcomes are published to the account's devices."""


class VerificationError(StrEnum):
    """Why an attempt earned nothing; words of the public contract."""

    FACE_MISMATCH = "FACE_MISMATCH"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - an outcome, not a secret
    NO_PROFILE_PHOTO = "NO_PROFILE_PHOTO"
    CHALLENGE_FAILED = "CHALLENGE_FAILED"
    FACE_AMBIGUOUS = "FACE_AMBIGUOUS"
    NO_FACE = "NO_FACE"
    MULTIPLE_FACES = "MULTIPLE_FACES"
    LOW_QUALITY = "LOW_QUALITY"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    BUSY = "BUSY"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of one attempt; `error` and `retry_after_s` are None when it succeeded.

    What a success brings depends on the purpose: `verified_at` is a badge's, `ticket` opens a session.
    """

    success: bool
    verified_at: datetime | None = None
    error: VerificationError | None = None
    retry_after_s: int | None = None
    ticket: str | None = field(default=None, repr=False)

    @classmethod
    def of_happening(cls, told: Mapping[str, Any]) -> "Outcome":
        """The outcome that `happening` told of."""
        at = told["verified_at"]
        return cls(
            success=told["success"],
            verified_at=datetime.fromisoformat(at) if at else None,
            error=VerificationError(told["error"]) if told["error"] else None,
        )

    @property
    def happening(self) -> Mapping[str, Any]:
        """What the account's other devices are told."""
        at = self.verified_at
        return {"success": self.success, "verified_at": at.isoformat() if at else None, "error": self.error}

    @classmethod
    def refused(cls, error: VerificationError, *, retry_after_s: int | None = None) -> "Outcome":
        """An attempt that earned nothing."""
        return cls(success=False, error=error, retry_after_s=retry_after_s)


@dataclass(frozen=True, kw_only=True)
class IssuedChallenge:
    """A fresh challenge as its owner receives it."""

    token: str
    steps: tuple[LivenessStep, ...]
    expires_at: datetime
    stream_url: str


@dataclass(frozen=True, kw_only=True)
class ClaimedStep:
    """One frame that a browser offers as evidence for one step."""

    step: LivenessStep
    jpeg: bytes
    captured_at_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotoTemplate:
    """The descriptor of a profile photo, and which stored photo it was read from."""

    account_id: UUID
    avatar_key: str
    descriptor: Descriptor
