"""Challenges: which steps are asked, and the signed token that binds them to a subject, a purpose and a time.

ChallengeError
+-- CannotDraw        what the exclusions leave over is no challenge
+-- TokenRefused      this token opens nothing
    +-- MalformedToken    not one of ours, or altered by as little as a bit
    +-- ForeignToken      made for another subject
    +-- OtherPurpose      made for another purpose
    +-- ExpiredToken      its time is over
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise, product
from typing import Final

from liveness.steps import LivenessStep

CHALLENGE_LIFE_S: Final = 300
"""How long a challenge may be answered: five minutes (standards.md, from the first seed)."""

MAX_STEPS: Final = 5
"""Longer challenges tire a person and do not add evidence: there are seven gestures in all."""

MIN_KINDS: Final = 3
"""With two gestures left only two orders exist, so whoever recorded one answer half-knows the next."""

MIN_NONCE_BYTES: Final = 16
"""128 bits: no two challenges of the whole installation ever share one."""

MIN_KEY_BYTES: Final = 16
"""Below 128 bits a key of HMAC-SHA256 is easier to guess than its tag (RFC 2104 section 3)."""

MAX_TOKEN_CHARS: Final = 1024
"""Our own tokens stay below 500; anything longer is refused before it is decoded."""

MAX_SUBJECT_CHARS: Final = 128

_VERSION: Final = 1
_CONTEXT: Final = b"bonafide liveness challenge\x00"


class LivenessPurpose(StrEnum):
    """What a passed challenge may be used for; a token made for one never serves another."""

    VERIFY = "VERIFY"
    LOGIN = "LOGIN"
    ENROLL = "ENROLL"
    STEP_UP = "STEP_UP"


class ChallengeError(Exception):
    """Raised when a challenge cannot be drawn, or a challenge token is not accepted."""


class CannotDraw(ChallengeError):
    """Raised when the excluded steps leave too little to ask; its text says which to give back."""


class TokenRefused(ChallengeError):
    """Raised for every token that must not open a liveness check; the subclass says why."""


class MalformedToken(TokenRefused):
    """Raised for text that this installation's keys did not sign, byte for byte."""


class ForeignToken(TokenRefused):
    """Raised when the token was made for another account or anonymous subject."""


class OtherPurpose(TokenRefused):
    """Raised when the token was made for another purpose."""


class ExpiredToken(TokenRefused):
    """Raised when the token's time is over; at the very millisecond of expiry it is over too."""


HEAD_TURNS: Final = frozenset(step for step in LivenessStep if step.is_head_turn)
FACE_GESTURES: Final = frozenset(LivenessStep) - HEAD_TURNS


def draw_steps(
    below: Callable[[int], int], *, count: int = 3, exclude: Collection[LivenessStep] = ()
) -> tuple[LivenessStep, ...]:
    """Draw `count` steps, every permitted sequence being equally likely.

    `below(n)` must return an unbiased, unpredictable integer in [0, n); it is called exactly once.
    A permitted sequence
    - holds no excluded step and no step twice in a row;
    - does not begin with BLINK: whether a stream is fast enough to show one is measured during another step;
    - holds a head turn, the one kind of step whose evidence is three-dimensional;
    - holds a blink, mouth or smile step as well, if any is left and two steps are asked: a turned bust or
      stiff mask has the shape of a head, but cannot do these;
    - repeats a step only when fewer kinds than steps are left: a repeat asks nothing new of an attacker.

    Excluding every face gesture is allowed (somebody may be unable to move the face) and costs that last
    piece of evidence. Raises CannotDraw when all head turns are excluded or fewer than three kinds of step
    are left, and ValueError for a `count` outside 1 to 5.
    """
    if not 1 <= count <= MAX_STEPS:
        raise ValueError(f"count is {count}; a challenge has 1 to {MAX_STEPS} steps")
    excluded = frozenset(exclude)
    left = [step for step in LivenessStep if step not in excluded]
    if excluded >= HEAD_TURNS:
        turns = ", ".join(step for step in LivenessStep if step in HEAD_TURNS)
        raise CannotDraw(
            f"Every head turn is excluded, and a challenge needs at least one. Allow at least one of {turns}."
        )
    if len(left) < MIN_KINDS:
        missing = MIN_KINDS - len(left)
        raise CannotDraw(
            f"Only {' and '.join(left)} would be left, which makes the challenge guessable. "
            f"Allow at least {missing} more of {', '.join(s for s in LivenessStep if s in excluded)}."
        )
    choices = [steps for steps in product(left, repeat=count) if _is_good_evidence(steps, left)]
    return choices[below(len(choices))]


def _is_good_evidence(steps: Sequence[LivenessStep], left: Sequence[LivenessStep]) -> bool:
    kinds = set(steps)
    return (
        all(a != b for a, b in pairwise(steps))
        and (steps[0] is not LivenessStep.BLINK or len(steps) == 1)
        and len(kinds) == min(len(steps), len(left))
        and not kinds.isdisjoint(HEAD_TURNS)
        and (len(steps) < 2 or FACE_GESTURES.isdisjoint(left) or not kinds.isdisjoint(FACE_GESTURES))
    )


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What one token says: whose it is, what for, until when, and which steps in which order."""

    subject: str
    purpose: LivenessPurpose
    expires_at_ms: int
    nonce: str
    steps: tuple[LivenessStep, ...]

    @property
    def expires_at(self) -> datetime:
        """The moment from which the challenge counts for nothing (aware, UTC)."""
        return _EPOCH + timedelta(milliseconds=self.expires_at_ms)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ChallengeSigner:
    """Signs challenges into compact tokens (base64url(payload).base64url(HMAC-SHA256)) and reads them back.

    The first key signs and every key verifies, so a secret can be replaced without refusing open challenges.
    The token is signed, not secret: whoever holds it can read its steps.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("at least one key is needed to sign challenges")
        if any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ValueError(f"a challenge key needs at least {MIN_KEY_BYTES} bytes")
        self._keys = tuple(keys)

    def sign(
        self,
        *,
        subject: str,
        purpose: LivenessPurpose,
        steps: Sequence[LivenessStep],
        expires_at: datetime,
        nonce: bytes,
    ) -> tuple[str, Challenge]:
        """Return the token and the challenge it stands for (`expires_at` cut to the millisecond).

        `nonce` is at least 16 unpredictable bytes; `Challenge.nonce` is its base64url text, fit for a Redis
        key. Raises ValueError for what must never be signed: no subject or steps, short nonce, naive time.
        """
        if not 1 <= len(subject) <= MAX_SUBJECT_CHARS:
            raise ValueError(f"a subject has 1 to {MAX_SUBJECT_CHARS} characters")
        if not 1 <= len(steps) <= MAX_STEPS:
            raise ValueError(f"a challenge has 1 to {MAX_STEPS} steps")
        if not MIN_NONCE_BYTES <= len(nonce) <= 64:
            raise ValueError(f"a nonce has {MIN_NONCE_BYTES} to 64 bytes")
        challenge = Challenge(
            subject=subject,
            purpose=purpose,
            expires_at_ms=_to_ms(expires_at),
            nonce=_encode(nonce),
            steps=tuple(steps),
        )
        payload = _to_payload(challenge)
        token = f"{_encode(payload)}.{_encode(_mac(self._keys[0], payload))}"
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError("the subject is too long for a token")
        return token, challenge

    def verify(self, token: str, *, subject: str, purpose: LivenessPurpose, now: datetime) -> Challenge:
        """Return the challenge that `token` carries, or raise the TokenRefused that says why not.

        Checked in this order: form and signature (MalformedToken), subject, purpose, expiry. Whether the
        nonce is already spent is the caller's question to its store.
        """
        challenge = _from_payload(self._signed_payload(token))
        if not hmac.compare_digest(_utf8(challenge.subject), _utf8(subject)):
            raise ForeignToken("the token was made for another subject")
        if challenge.purpose is not purpose:
            raise OtherPurpose(f"the token was made for {challenge.purpose}, not for {purpose}")
        if _to_ms(now) >= challenge.expires_at_ms:
            raise ExpiredToken("the token has expired")
        return challenge

    def _signed_payload(self, token: str) -> bytes:
        if len(token) > MAX_TOKEN_CHARS:
            raise MalformedToken("the token is too long")
        head, dot, tail = token.partition(".")
        if not dot:
            raise MalformedToken("the token has no signature")
        payload, mac = _decode(head), _decode(tail)
        genuine = False
        for key in self._keys:  # every key is tried, so the time taken does not tell which one matched
            genuine |= hmac.compare_digest(_mac(key, payload), mac)
        if not genuine:
            raise MalformedToken("the token's signature is not ours")
        return payload


def _mac(key: bytes, payload: bytes) -> bytes:
    # The context keeps a key that signs something else somewhere from ever vouching for a challenge.
    return hmac.new(key, _CONTEXT + payload, hashlib.sha256).digest()


def _to_payload(challenge: Challenge) -> bytes:
    claims = {
        "v": _VERSION,
        "sub": challenge.subject,
        "purpose": challenge.purpose.value,
        "exp": challenge.expires_at_ms,
        "nonce": challenge.nonce,
        "steps": [step.value for step in challenge.steps],
    }
    return json.dumps(claims, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _from_payload(payload: bytes) -> Challenge:
    # The payload is signed, so a fault here means another release wrote it: refused, never guessed at.
    try:
        claims = json.loads(payload)
        challenge = Challenge(
            subject=claims["sub"],
            purpose=LivenessPurpose(claims["purpose"]),
            expires_at_ms=claims["exp"],
            nonce=claims["nonce"],
            steps=tuple(LivenessStep(step) for step in claims["steps"]),
        )
        typed = (
            type(challenge.subject) is str
            and type(challenge.nonce) is str
            and type(challenge.expires_at_ms) is int
            and 1 <= len(challenge.steps) <= MAX_STEPS
        )
        canonical = typed and claims["v"] == _VERSION and _to_payload(challenge) == payload
    except (ValueError, TypeError, KeyError):
        canonical = False
    if not canonical:
        raise MalformedToken("the token is of a form that this release does not know")
    return challenge


def _to_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in time; pass an aware one")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedToken("the token is not base64url") from None
    # One text per value: stray padding, "+/" for "-_" and non-zero trailing bits decode, but are not ours.
    if _encode(data) != text:
        raise MalformedToken("the token is not in canonical base64url")
    return data
