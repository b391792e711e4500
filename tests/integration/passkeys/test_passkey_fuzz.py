"""Answers as no browser gives them: thousands of damaged ones are refused, and none is a fault of ours."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest

from app.accounts.passkey_ceremonies import (
    MAX_ANSWER_CHARS,
    check_use,
    new_key,
    read_registration,
    read_use,
    registration_options,
    use_options,
)
from app.accounts.passkey_challenges import Challenge
from app.accounts.passkey_model import Asked, NotProved, Person
from app.errors import Problem
from app.ids import Ids
from tests.damage import damaged
from tests.integration.passkeys.conftest import (
    BEGIN_ADD,
    BEGIN_LOGIN,
    FINISH_ADD,
    FINISH_LOGIN,
    Begun,
    Town,
)
from tests.passkey_device import HOST, PAGE, Device, decoded, encoded

ROUNDS = 3000
ENDS = {"BAD_USER_INPUT credential", "not proved", "taken"}
CHALLENGE = Challenge(id="x", value=Ids().bytes(32))
ASKED = Asked(challenge=CHALLENGE.value, rp_id=HOST, origins=frozenset({PAGE}))
CREATE = registration_options(HOST, CHALLENGE, Person(handle=bytes(64), name="a", display_name="a"), known=())
GET = use_options(HOST, CHALLENGE, must_verify=True)
PARTS = ("clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject")
NASTY: tuple[Any, ...] = (None, True, 7, 1e308, "", "x", "ä", "\ud800", [], {}, ["x"], {"x": 1}, "=" * 9, "A" * 20_000)
NASTY_CBOR: tuple[bytes, ...] = (
    b"\x81" * 3000,
    b"\xa1\x01" * 1500,
    b"\xc5\x82\x1a\x7f\xff\xff\xff\x03" * 300,
    b"\x9b\x00\x00\x00\xff\x00\x00\x00\xff\x01",
    b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xbf" * 3000,
    b"",
)


def spoiled(rng: random.Random, answer: str) -> str:
    """The answer with its text, one of its values, or the bytes inside one of its parts damaged."""
    match rng.randrange(4):
        case 0:
            return damaged(rng, answer.encode()).decode("utf-8", "replace")
        case 1:
            value = json.loads(answer)
            holder = rng.choice([value, value["response"]])
            name = rng.choice(list(holder))
            holder[name] = rng.choice(NASTY)
            return json.dumps(value)
        case 2:
            value = json.loads(answer)
            name = rng.choice([part for part in PARTS if part in value["response"]])
            value["response"][name] = encoded(damaged(rng, decoded(value["response"][name])))
            return json.dumps(value)
        case _:
            value = json.loads(answer)
            name = rng.choice([part for part in PARTS if part in value["response"]])
            value["response"][name] = encoded(rng.choice(NASTY_CBOR) + rng.randbytes(rng.randrange(40)))
            return json.dumps(value)


def ends_of(judge: Callable[[str], None], honest: str) -> Iterator[str]:
    """How each of many damaged answers ended."""
    rng = random.Random(7)
    for _ in range(ROUNDS):
        answer = spoiled(rng, honest)
        try:
            judge(answer)
        except Problem as problem:
            yield f"{problem.code} {problem.field}"
        except NotProved:
            yield "not proved"
        else:
            yield "taken"


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_no_damaged_use_is_taken(algorithm: str) -> None:
    """A stranger's bytes would crash a sign-in, or open an account."""
    device = Device(algorithm=algorithm)
    device.user_handle = bytes(64)
    key = new_key(read_registration(device.create(CREATE)), ASKED)
    honest = device.get(GET)
    assert check_use(read_use(honest), ASKED, public_key=key.public_key).user_verified

    def judge(answer: str) -> None:
        check_use(read_use(answer), ASKED, public_key=key.public_key)
        assert signed(answer) == signed(honest), "damage that nobody reads"

    assert set(ends_of(judge, honest)) == ENDS


def test_no_damaged_registration_is_a_fault_of_ours() -> None:
    """A stranger's bytes would crash the settings page, or add a key that could not be stored."""
    honest = Device(algorithm="ES256").create(CREATE)

    def judge(answer: str) -> None:
        # Nothing vouches for a new key: what is taken is one of the kinds that we take, for this page and challenge.
        made = new_key(read_registration(answer), ASKED)
        assert len(made.public_key) <= 1024
        assert 16 <= len(made.credential_id) <= 1023

    assert set(ends_of(judge, honest)) == ENDS


def signed(answer: str) -> list[bytes]:
    """What the signature covers, and the signature."""
    response = json.loads(answer)["response"]
    return [decoded(response[part]) for part in ("clientDataJSON", "authenticatorData", "signature")]


@pytest.mark.parametrize(
    "key",
    [
        {},
        {1: 2},
        {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)},
        {1: 2, 3: -7, -1: 1, -2: b"\xff" * 32, -3: b"\xff" * 32},
        {1: 2, 3: -7, -1: 1, -2: 5, -3: "x"},
        {1: 1, 3: -8, -1: 6, -2: bytes(31)},
        {1: 1, 3: -7, -1: 6, -2: bytes(32)},
        {1: 3, 3: -257, -1: b"\x80" + bytes(254) + b"\x01", -2: b"\x80" + bytes(254) + b"\x01"},
        {1: 3, 3: -257, -1: b"\x80" + bytes(1021) + b"\x01", -2: b"\x01\x00\x01"},
        {1: 3, 3: -65535, -1: b"\x80" + bytes(254) + b"\x01", -2: b"\x01\x00\x01"},
        {1: 7, 3: -48, -1: bytes(1312)},
        {1: 3, 3: -8, -1: b"\x80" + bytes(254) + b"\x01", -2: b"\x01\x00\x01"},
        4,
        [1, 2],
        None,
    ],
)
def test_a_key_that_could_never_sign_is_not_taken(key: object) -> None:
    """A person would have a passkey that opens nothing, or one whose check costs us seconds."""
    device = Device(algorithm="EdDSA")
    honest = json.loads(device.create(CREATE))
    auth_data = cbor2.loads(decoded(honest["response"]["attestationObject"]))["authData"]
    begins = 37 + 16 + 2 + 32
    attestation = {"fmt": "none", "attStmt": {}, "authData": auth_data[:begins] + cbor2.dumps(key)}
    honest["response"]["attestationObject"] = encoded(cbor2.dumps(attestation))
    with pytest.raises(NotProved):
        new_key(read_registration(json.dumps(honest)), ASKED)


async def test_the_api_answers_every_damaged_answer(town: Town) -> None:
    """A page would read that something broke on our side."""
    ada, rng = await town.owner(), random.Random(11)
    stranger = town.stranger()
    for number in range(200):
        if number % 20 == 0:
            await town.forget_limits()
        begun = Begun.of(await stranger.data(BEGIN_LOGIN))
        login = {"challengeId": begun.id, "credential": spoiled(rng, ada.device.get(begun.options))}
        adding = Begun.of(await ada.visitor.data(BEGIN_ADD))
        add = {"challengeId": adding.id, "credential": spoiled(rng, Device(algorithm="EdDSA").create(adding.options))}
        for visitor, query, variables in ((stranger, FINISH_LOGIN, login), (ada.visitor, FINISH_ADD, add)):
            for error in (await visitor.post(query, variables)).json().get("errors", ()):
                code = error["extensions"]["code"]
                assert code in ("BAD_USER_INPUT", "UNAUTHENTICATED", "CONFLICT"), (code, variables)


async def test_an_answer_of_any_length_is_refused_before_it_is_read(town: Town) -> None:
    """Somebody could have us parse megabytes, without end."""
    stranger = town.stranger()
    long = {"credential": json.dumps({"id": "A" * MAX_ANSWER_CHARS})}
    for credential in (long["credential"], "[" * 3000, "[]", "null", "7", "", "{", '{"id":1}', '"' + "x" * 100_000):
        refused = await stranger.refusal(FINISH_LOGIN, {"challengeId": "x", "credential": credential})
        assert refused == {"code": "BAD_USER_INPUT", "field": "credential"}
