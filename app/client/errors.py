"""What can go wrong between a low-end client and the server.

ClientError
├── CannotConnect      the server is not reachable at that address, or does not speak the protocol
├── Refused            the server said no, with a code
├── ConnectionLost     the connection ended before a result
└── SourceError        the photo or clip cannot be used
    └── SourceEnded    the clip was over before the server had decided
"""

from collections.abc import Mapping
from types import MappingProxyType

# What a person can do about a refusal; contract, section 4.5 and the GraphQL codes.
_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "UNAUTHENTICATED": "the sign-in is not valid (any more)",
        "FORBIDDEN": "the server does not allow this",
        "RATE_LIMITED": "too many attempts",
        "BUSY": "the server is at its limit of parallel streams",
        "TIMED_OUT": "the server waited too long for this client",
        "PAYLOAD_TOO_LARGE": "a frame or file was too large",
        "GONE": "the challenge is used up or has expired",
        "CONFLICT": "it is already taken",
        "INTERNAL": "the server has a fault of its own",
    }
)


class ClientError(Exception):
    """Any failure of the client; its text is one sentence for a person."""


class CannotConnect(ClientError):
    """Raised when no conversation comes about: nothing listens, or something else does."""


class Refused(ClientError):
    """Raised when the server answers with an error code; never for a failed liveness check, which is a result."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
        close_code: int | None = None,
        request_id: str | None = None,
    ) -> None:
        said = detail or _ADVICE.get(code, "the server refused")
        wait = f"; try again in {retry_after_s:.0f} s" if retry_after_s is not None else ""
        where = f" (request {request_id})" if request_id else ""
        super().__init__(f"{code}: {said}{wait}{where}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.close_code = close_code


class ConnectionLost(ClientError):
    """Raised when the stream ends or goes silent before its result; the challenge is spent."""

    def __init__(self, detail: str, *, close_code: int | None = None) -> None:
        super().__init__(detail)
        self.close_code = close_code


class SourceError(ClientError):
    """Raised when a photo or clip cannot play a camera."""


class SourceEnded(SourceError):
    """Raised by a source that has no further frame."""
