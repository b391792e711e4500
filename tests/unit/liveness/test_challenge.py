"""The challenge: what may be asked, and that only its own token opens it."""

import base64
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from liveness.challenge import (
    FACE_GESTURES,
    HEAD_TURNS,
    CannotDraw,
    Challenge,
    ChallengeError,
    ChallengeSigner,
    ExpiredToken,
    ForeignToken,
    LivenessPurpose,
    MalformedToken,
    OtherPurpose,
    TokenRefused,
    draw_steps,
)
from liveness.steps import LivenessStep

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
KEY = b"k" * 32
STEPS = (LivenessStep.LOOK_LEFT, LivenessStep.BLINK, LivenessStep.LOOK_UP)
SUBJECT = "0199c0de-0000-7000-8000-000000000001"


def make(
    signer: ChallengeSigner | None = None, *, subject: str = SUBJECT, expires_at: datetime | None = None
) -> tuple[str, Challenge]:
    return (signer or ChallengeSigner([KEY])).sign(
        subject=subject,
        purpose=LivenessPurpose.VERIFY,
        steps=STEPS,
        expires_at=expires_at or NOW + timedelta(minutes=5),
        nonce=bytes(range(16)),
    )


def read(token: str, *, subject: str = SUBJECT, now: datetime = NOW) -> Challenge:
    return ChallengeSigner([KEY]).verify(token, subject=subject, purpose=LivenessPurpose.VERIFY, now=now)


# Drawing


def test_every_permitted_sequence_is_equally_likely() -> None:
    """A biased draw would let an attacker prepare the likeliest answers."""
    seen = Counter[tuple[LivenessStep, ...]]()
    sizes = set()

    def pick(number: int) -> int:
        sizes.add(number)
        return seen.total()

    size = 1
    while seen.total() < size:
        seen[draw_steps(pick)] += 1
        size = next(iter(sizes))
    # 7*6*5 orders of three kinds, without the 4*3*2 of turns only, the 3*2*1 of face gestures only,
    # and the 6*5 - 2 good ones that begin with BLINK.
    assert size == 152
    assert len(seen) == 152


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_rules_hold_for_every_exclusion_and_count(count: int) -> None:
    """A person's exclusions must be honoured, and never buy a challenge without evidence."""
    rng = random.Random(7)
    steps = list(LivenessStep)
    drawn = 0
    for mask in range(1 << len(steps)):
        exclude = {step for bit, step in enumerate(steps) if mask >> bit & 1}
        left = set(steps) - exclude
        if len(left) < 3 or not left & HEAD_TURNS:
            with pytest.raises(CannotDraw):
                draw_steps(rng.randrange, count=count, exclude=exclude)
            continue
        drawn += 1
        for _ in range(2):
            got = draw_steps(rng.randrange, count=count, exclude=exclude)
            assert len(got) == count
            assert not exclude & set(got)
            assert all(a is not b for a, b in pairwise(got))
            assert HEAD_TURNS & set(got)
            assert len(set(got)) == min(count, len(left))
            if count > 1 and left & FACE_GESTURES:
                assert FACE_GESTURES & set(got)
    assert drawn == 98


def test_a_person_who_cannot_move_the_face_still_gets_a_challenge() -> None:
    """Somebody with a facial palsy would be locked out."""
    got = draw_steps(lambda _: 0, exclude=list(FACE_GESTURES))
    assert set(got) <= HEAD_TURNS


def test_refusals_say_what_to_allow_again() -> None:
    """A person who excluded too much must learn what to give back, not only that it failed."""
    with pytest.raises(CannotDraw, match="at least one of LOOK_LEFT, LOOK_RIGHT, LOOK_UP, LOOK_DOWN"):
        draw_steps(lambda _: 0, exclude=HEAD_TURNS)
    keep = {LivenessStep.LOOK_LEFT, LivenessStep.SMILE}
    with pytest.raises(CannotDraw, match=r"Only LOOK_LEFT and SMILE .* at least 1 more of LOOK_RIGHT"):
        draw_steps(lambda _: 0, exclude=set(LivenessStep) - keep)


@pytest.mark.parametrize("count", [-1, 0, 6])
def test_absurd_counts_are_refused(count: int) -> None:
    """A challenge without steps would be passed by anybody."""
    with pytest.raises(ValueError, match="1 to 5 steps"):
        draw_steps(lambda _: 0, count=count)


# Tokens


def test_a_token_returns_what_was_signed() -> None:
    """A person would be asked other steps than those announced."""
    token, challenge = make()
    assert read(token) == challenge
    assert challenge.steps == STEPS
    assert challenge.subject == SUBJECT
    assert challenge.expires_at == (NOW + timedelta(minutes=5)).replace(microsecond=123000)
    assert base64.urlsafe_b64decode(challenge.nonce + "==") == bytes(range(16))
    assert len(token) < 500


def test_every_single_bit_flip_is_refused() -> None:
    """One accepted alteration would let an attacker choose steps, subject or time."""
    token, _ = make()
    raw = token.encode("ascii")
    for position in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(MalformedToken):
            read(flipped.decode("latin-1"))


def test_ten_thousand_mutations_are_refused_quietly() -> None:
    """A crafted token would crash the request, or be taken for ours."""
    rng = random.Random(20261120)
    token, _ = make()
    alphabet = "ABCxyz019-_=+/. \n\x00é\ud800{}"
    for _ in range(10_000):
        mutated = list(token)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(mutated) + 1)
            match rng.randrange(5):
                case 0:
                    mutated.insert(at, rng.choice(alphabet))
                case 1:
                    del mutated[at : at + rng.randrange(1, 30)]
                case 2:
                    mutated[at:at] = mutated[: rng.randrange(len(mutated) + 1)]
                case 3:
                    mutated[at : at + 1] = rng.choice(alphabet)
                case _:
                    rng.shuffle(mutated)
            if not mutated:
                break
        text = "".join(mutated)
        if text != token:
            with pytest.raises(MalformedToken):
                read(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a.", ".a", "A" * 100_000, "A" * 511 + "." + "A" * 511, "é.é"])
def test_absurd_tokens_are_refused(text: str) -> None:
    """Garbage in the token field must be an answer, not a crash."""
    with pytest.raises(MalformedToken):
        read(text)


def test_only_the_canonical_spelling_is_accepted() -> None:
    """Two spellings of one token would pass a filter that knows tokens by their text."""
    token, _ = make()
    head, tail = token.split(".")
    # 32 bytes end in a character with two unused bits: three other characters decode to the same bytes.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    index = alphabet.index(tail[-1])
    twins = [tail[:-1] + alphabet[index ^ low] for low in (1, 2, 3)]
    assert all(base64.urlsafe_b64decode(twin + "=") == base64.urlsafe_b64decode(tail + "=") for twin in twins)
    spellings = [f"{head}.{twin}" for twin in twins]
    spellings += [token + "=", f"{head}=.{tail}", token + "\n", " " + token, f"{head}.{tail}.", token + ".x"]
    for spelling in spellings:
        with pytest.raises(MalformedToken):
            read(spelling)
    dashed, _ = make(subject="ÿ~~~?????>>>>")
    for plain, other in (("-", "+"), ("_", "/")):
        if plain in dashed:
            with pytest.raises(MalformedToken):
                read(dashed.replace(plain, other), subject="ÿ~~~?????>>>>")


def test_someone_elses_token_is_refused() -> None:
    """An attacker would answer the challenge of a victim, or lend his own."""
    token, _ = make()
    for other in ("", SUBJECT[:-1], SUBJECT + "0", SUBJECT.upper(), "\ud800"):
        with pytest.raises(ForeignToken):
            read(token, subject=other)


@pytest.mark.parametrize("purpose", [p for p in LivenessPurpose if p is not LivenessPurpose.VERIFY])
def test_a_token_for_another_purpose_is_refused(purpose: LivenessPurpose) -> None:
    """A challenge passed for the badge would sign somebody in."""
    token, _ = make()
    with pytest.raises(OtherPurpose, match=f"made for VERIFY, not for {purpose}"):
        ChallengeSigner([KEY]).verify(token, subject=SUBJECT, purpose=purpose, now=NOW)


def test_a_token_lives_exactly_until_its_expiry() -> None:
    """A challenge solved offline, at leisure, would be accepted."""
    token, challenge = make()
    assert read(token, now=challenge.expires_at - timedelta(milliseconds=1)) == challenge
    for late in (timedelta(0), timedelta(days=1)):
        with pytest.raises(ExpiredToken):
            read(token, now=challenge.expires_at + late)


def test_secrets_rotate_without_refusing_open_challenges() -> None:
    """Everybody in the middle of a challenge would fail when the operator replaces the secret."""
    old, _ = make(ChallengeSigner([KEY]))
    new_key = b"n" * 32
    both = ChallengeSigner([new_key, KEY])
    for token in (old, make(both)[0]):
        both.verify(token, subject=SUBJECT, purpose=LivenessPurpose.VERIFY, now=NOW)
    with pytest.raises(MalformedToken):
        ChallengeSigner([new_key]).verify(old, subject=SUBJECT, purpose=LivenessPurpose.VERIFY, now=NOW)


def test_a_genuine_signature_over_a_foreign_form_is_refused() -> None:
    """A token of a later release would be half understood."""
    import hashlib
    import hmac

    _, challenge = make()
    good = {
        "v": 1,
        "sub": SUBJECT,
        "purpose": "VERIFY",
        "exp": challenge.expires_at_ms,
        "nonce": challenge.nonce,
        "steps": [step.value for step in STEPS],
    }

    def forge(payload: bytes) -> str:
        mac = hmac.new(KEY, b"bonafide liveness challenge\x00" + payload, hashlib.sha256).digest()
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, mac))

    def compact(claims: object) -> bytes:
        return json.dumps(claims, separators=(",", ":")).encode()

    assert read(forge(compact(good))) == challenge
    odd: list[bytes] = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(good).encode(),
        compact(good | {"v": 2}),
        compact(good | {"v": True}),
        compact(good | {"more": 1}),
        compact(good | {"exp": "soon"}),
        compact(good | {"exp": float(challenge.expires_at_ms)}),
        compact(good | {"steps": "BLINK"}),
        compact(good | {"steps": ["NOD"]}),
        compact(good | {"steps": None}),
        compact(good | {"purpose": "ANY"}),
        compact(good | {"sub": 7}),
        compact(good | {"nonce": None}),
    ]
    for payload in odd:
        with pytest.raises(MalformedToken):
            read(forge(payload))


def test_what_could_never_be_verified_is_not_signed() -> None:
    """A weak key, a short nonce or a naive time would only be noticed by an attacker."""
    with pytest.raises(ValueError, match="at least one key"):
        ChallengeSigner([])
    with pytest.raises(ValueError, match="at least 16 bytes"):
        ChallengeSigner([KEY, b"short"])
    signer = ChallengeSigner([KEY])
    good = {
        "subject": SUBJECT,
        "purpose": LivenessPurpose.VERIFY,
        "steps": STEPS,
        "expires_at": NOW,
        "nonce": bytes(16),
    }
    for fault in (
        {"subject": ""},
        {"subject": "x" * 129},
        {"subject": "é" * 128},
        {"steps": ()},
        {"steps": STEPS * 2},
        {"nonce": bytes(15)},
        {"nonce": bytes(65)},
        {"expires_at": NOW.replace(tzinfo=None)},
    ):
        with pytest.raises(ValueError, match=r".+"):
            signer.sign(**good | fault)


def test_one_except_clause_catches_every_refusal() -> None:
    """The edge answers TOKEN_EXPIRED for all of them; one it forgot would be a 500."""
    assert all(issubclass(e, TokenRefused) for e in (MalformedToken, ForeignToken, OtherPurpose, ExpiredToken))
    assert issubclass(TokenRefused, ChallengeError)
    assert issubclass(CannotDraw, ChallengeError)
