"""One exception for every edge, and one table that says what each code means.

Problem
└── raised by services and the edge; GraphQL reads `code`, REST `status`, a WebSocket closes with 4000 + `status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Code(StrEnum):
    """Why a request was refused; the same word on every edge."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    TIMED_OUT = "TIMED_OUT"
    CONFLICT = "CONFLICT"
    GONE = "GONE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL = "INTERNAL"
    BUSY = "BUSY"


@dataclass(frozen=True)
class Meaning:
    """What a code is over HTTP: its status and the title of its problem document."""

    status: int
    title: str

    @property
    def close_code(self) -> int:
        """The WebSocket close code of the same refusal."""
        return 4000 + self.status


MEANINGS: Mapping[Code, Meaning] = MappingProxyType(
    {
        Code.BAD_USER_INPUT: Meaning(400, "The request is not as it should be"),
        Code.UNAUTHENTICATED: Meaning(401, "Sign in first"),
        Code.FORBIDDEN: Meaning(403, "This is not allowed"),
        Code.NOT_FOUND: Meaning(404, "There is nothing here"),
        Code.METHOD_NOT_ALLOWED: Meaning(405, "This method is not served here"),
        Code.TIMED_OUT: Meaning(408, "It took too long"),
        Code.CONFLICT: Meaning(409, "It is already taken"),
        Code.GONE: Meaning(410, "It is used up or has expired"),
        Code.PAYLOAD_TOO_LARGE: Meaning(413, "It is too large"),
        Code.UNSUPPORTED_MEDIA_TYPE: Meaning(415, "This content type is not accepted"),
        Code.RATE_LIMITED: Meaning(429, "Too many attempts"),
        Code.INTERNAL: Meaning(500, "Something broke on our side"),
        Code.BUSY: Meaning(503, "The server is at its limit"),
    }
)


class Problem(Exception):
    """A refusal that the caller may read; raised by services, answered by whichever edge called.

    `detail` is one plain sentence for a person; it never carries a secret. `field` names the argument at fault.
    `retry_after_s` says how many seconds to wait. `reason` is a finer machine word where a client must branch.
    `suggestions` are values of `field` that would be taken.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        reason: str | None = None,
        suggestions: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.reason = reason
        self.suggestions = suggestions

    @property
    def meaning(self) -> Meaning:
        """The row of the table for this problem's code."""
        return MEANINGS[self.code]
