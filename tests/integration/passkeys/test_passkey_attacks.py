"""Answers that an attacker would give: each is refused, opens nothing and adds nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from app.accounts.limits import PASSKEY_COPY_LETTERS_PER_ACCOUNT, PASSKEY_LOGIN_PER_IP
from app.accounts.model import Origin, Viewer
from app.accounts.passkey_challenges import Bond, PasskeyChallenges, Purpose
from app.audit import AuditEvent
from app.errors import Code, Problem
from app.ids import Ids
from app.wiring import Services
from tests.authenticator import switched_on
from tests.fakes import FixedClock, Mailbox
from tests.integration.passkeys.conftest import (
    BEGIN_ADD,
    BEGIN_CONFIRM,
    BEGIN_LOGIN,
    BEGIN_STEP,
    FINISH_ADD,
    FINISH_CONFIRM,
    FINISH_LOGIN,
    FINISH_STEP,
    LOGIN,
    MINE,
    NOT_OURS,
    OVER,
    REMOVE,
    RENAME,
    WRONG,
    Begun,
    Town,
)
from tests.passkey_device import BE, UP, UV, Device, Says, decoded, encoded, saying
from tests.serving import PASSWORD

ADA = {"email": "ada@example.org", "password": PASSWORD}


@pytest.fixture
async def nobody_in(town: Town) -> Any:
    """Checks in the end that every session there is was opened with a password."""
    yield
    assert await town.sql.fetchval("select count(*) from sessions where method = 'passkey'") == 0


async def test_an_answer_for_another_page_host_or_challenge_opens_nothing(town: Town, nobody_in: None) -> None:
    """A look-alike page that a person trusts once would be in their account."""
    ada = await town.owner()
    stranger = town.stranger()
    attacks = [*NOT_OURS, saying(kind="webauthn.create"), saying(flags=UP | UV | BE), saying(user_handle=bytes(64))]
    for says in (*attacks, saying(user_handle=b"")):
        begun = Begun.of(await stranger.data(BEGIN_LOGIN))
        assert await stranger.refusal(FINISH_LOGIN, begun.answer(ada.device, says)) == WRONG, says
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    unlocked_by_nobody = await stranger.refusal(FINISH_LOGIN, begun.answer(ada.device, saying(flags=UP)))
    assert unlocked_by_nobody == {**WRONG, "reason": "USER_NOT_VERIFIED"}
    assert len(await town.events(AuditEvent.FAILURE_BURST)) == 1, "the owner hears of it, once"
    failures = await town.events(AuditEvent.SIGN_IN_FAILED)
    assert failures == [{"method": "passkey"}] * (len(attacks) + 1)


async def test_a_forged_answer_opens_nothing_and_alarms_nobody(town: Town, nobody_in: None, mailbox: Mailbox) -> None:
    """Whoever has read a credential id would be in, or could have its owner warned of a copy every minute."""
    ada = await town.owner()
    stranger, mallory = town.stranger(), Device(algorithm="EdDSA")
    mallory.credential_id, mallory.user_handle = ada.device.credential_id, ada.device.user_handle

    def tampered(begun: Begun) -> list[Mapping[str, Any]]:
        honest = json.loads(ada.device.get(begun.options, saying(count=6)))["response"]
        auth_data, signature = decoded(honest["authenticatorData"]), decoded(honest["signature"])
        return [
            {"signature": encoded(signature[:-1] + bytes([signature[-1] ^ 1]))},
            {"signature": ""},
            {"signature": encoded(b"\0" * 64)},
            {"authenticatorData": encoded(auth_data[:-1] + bytes([7]))},
            {"clientDataJSON": encoded(decoded(honest["clientDataJSON"]) + b" ")},
            {"authenticatorData": encoded(auth_data[:32] + bytes([auth_data[32] | 0x40]) + auth_data[33:])},
        ]

    for number in range(6):
        begun = Begun.of(await stranger.data(BEGIN_LOGIN))
        answer = begun.answer(ada.device, saying(count=6), **tampered(begun)[number])
        assert await stranger.refusal(FINISH_LOGIN, answer) == WRONG, number
    letters = len(mailbox.sent)
    for count in (0, 5):
        begun = Begun.of(await stranger.data(BEGIN_LOGIN))
        assert await stranger.refusal(FINISH_LOGIN, begun.answer(mallory, saying(count=count))) == WRONG
    unknown = Device()
    unknown.user_handle = ada.device.user_handle
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    assert await stranger.refusal(FINISH_LOGIN, begun.answer(unknown)) == WRONG
    assert len(mailbox.sent) == letters
    assert await town.events(AuditEvent.PASSKEY_COPY_SUSPECTED) == []


async def test_an_answer_is_good_once_and_in_time(town: Town, clock: FixedClock) -> None:
    """Whoever sees an answer go by, or finds it in a log, would be in."""
    ada = await town.owner()
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    answer = begun.answer(ada.device)
    assert (await stranger.data(FINISH_LOGIN, answer))["passkeyLogin"]["accessToken"]
    assert await stranger.refusal(FINISH_LOGIN, answer) == OVER
    replay = Begun.of(await stranger.data(BEGIN_LOGIN))
    assert await stranger.refusal(FINISH_LOGIN, {**answer, "challengeId": replay.id}) == WRONG
    assert await stranger.refusal(FINISH_LOGIN, replay.answer(ada.device)) == OVER, "an attempt uses it up"
    late = Begun.of(await stranger.data(BEGIN_LOGIN))
    clock.advance(300)
    assert await stranger.refusal(FINISH_LOGIN, late.answer(ada.device)) == OVER
    for nonsense in ("", "x", "x" * 1000, "ä", "passkey:challenge:"):
        assert await stranger.refusal(FINISH_LOGIN, {**answer, "challengeId": nonsense}) == OVER


async def test_what_one_browser_began_no_other_finishes(town: Town) -> None:
    """A person could be made to sign in to an attacker's account, or an attacker finish what a person began."""
    ada = await town.owner()
    hers, other = town.stranger(), town.stranger()
    begun = Begun.of(await hers.data(BEGIN_LOGIN))
    answer = begun.answer(ada.device)
    assert await town.stranger().refusal(FINISH_LOGIN, answer) == OVER, "a browser without the cookie"
    await other.data(BEGIN_LOGIN)
    assert await other.refusal(FINISH_LOGIN, answer) == OVER
    assert (await hers.data(FINISH_LOGIN, answer))["passkeyLogin"]["accessToken"], "trying takes nothing away"


async def test_a_challenge_is_good_for_its_purpose_and_holder_only(town: Town, clock: FixedClock) -> None:
    """A signature that a person gave for one thing would be used for another."""
    ada, grace = await town.owner(), await town.owner("grace")
    await switched_on(ada.visitor, clock)
    temp = {"tempToken": (await ada.visitor.data(LOGIN, ADA))["login"]["tempToken"]}
    other_temp = {"tempToken": (await ada.visitor.data(LOGIN, ADA))["login"]["tempToken"]}
    second_browser = town.stranger()
    first = await second_browser.data(LOGIN, {**ADA, "email": "grace@example.org"})
    second_browser.access_token = first["login"]["accessToken"]

    proof = Begun.of(await ada.visitor.data(BEGIN_CONFIRM))
    await ada.visitor.data(FINISH_CONFIRM, proof.answer(ada.device))
    begins = {
        "login": (BEGIN_LOGIN, {}),
        "step": (BEGIN_STEP, temp),
        "confirm": (BEGIN_CONFIRM, {}),
        "add": (BEGIN_ADD, {}),
    }
    finishes = {
        "login": (FINISH_LOGIN, {}),
        "step": (FINISH_STEP, temp),
        "confirm": (FINISH_CONFIRM, {}),
        "add": (FINISH_ADD, {}),
    }
    for begin_name, (begin, given) in begins.items():
        for finish_name, (finish, more) in finishes.items():
            if begin_name != finish_name:
                begun = Begun.of(await ada.visitor.data(begin, given))
                answer = begun.answer(ada.device)
                if finish_name == "add":
                    full = json.dumps({**begun.asked, "user": {"id": encoded(bytes(64))}})
                    answer["credential"] = Device(algorithm="EdDSA").create(full)
                assert await ada.visitor.refusal(finish, {**answer, **more}) == OVER, (begin_name, finish_name)

    begun = Begun.of(await ada.visitor.data(BEGIN_STEP, temp))
    assert await ada.visitor.refusal(FINISH_STEP, {**begun.answer(ada.device), **other_temp}) == OVER
    begun = Begun.of(await grace.visitor.data(BEGIN_CONFIRM))
    assert await second_browser.refusal(FINISH_CONFIRM, begun.answer(grace.device)) == OVER, "another session"
    assert await ada.visitor.refusal(FINISH_CONFIRM, begun.answer(grace.device)) == OVER, "another account"


async def test_somebody_elses_passkey_is_neither_second_factor_nor_fresh_proof(
    town: Town, clock: FixedClock, nobody_in: None
) -> None:
    """Whoever knows a password would complete the sign-in with a key of their own."""
    ada, mallory = await town.owner(), await town.owner("mallory")
    await switched_on(ada.visitor, clock)
    thief = town.stranger()
    temp = {"tempToken": (await thief.data(LOGIN, ADA))["login"]["tempToken"]}
    begun = Begun.of(await thief.data(BEGIN_STEP, temp))
    assert await thief.refusal(FINISH_STEP, {**begun.answer(mallory.device), **temp}) == WRONG
    impostor = Device()
    impostor.credential_id = ada.device.credential_id
    begun = Begun.of(await thief.data(BEGIN_STEP, temp))
    assert await thief.refusal(FINISH_STEP, {**begun.answer(impostor), **temp}) == WRONG
    assert len(await town.events(AuditEvent.SECOND_FACTOR_FAILED)) == 2

    needed = {"code": "FORBIDDEN", "field": "credential", "reason": "REAUTHENTICATION_NEEDED"}
    for device, says in ((mallory.device, saying()), (ada.device, saying(flags=UP)), (impostor, saying())):
        begun = Begun.of(await ada.visitor.data(BEGIN_CONFIRM))
        assert await ada.visitor.refusal(FINISH_CONFIRM, begun.answer(device, says)) == needed
    assert await town.sql.fetchval("select count(*) from sessions where proved_at is not null") == 0


async def test_five_wrong_passkeys_end_a_second_step(town: Town, clock: FixedClock, mailbox: Mailbox) -> None:
    """Whoever knows a password could try for ever, and its owner would never hear of it."""
    ada = await town.owner()
    phone, _ = await switched_on(ada.visitor, clock)
    thief = town.stranger()
    temp = {"tempToken": (await thief.data(LOGIN, ADA))["login"]["tempToken"]}
    reasons = []
    for _ in range(5):
        begun = Begun.of(await thief.data(BEGIN_STEP, temp))
        reasons.append((await thief.refusal(FINISH_STEP, {**begun.answer(Device()), **temp}))["reason"])
    assert reasons == ["WRONG_PASSKEY"] * 4 + ["SECOND_STEP_OVER"]
    assert mailbox.sent[-1].subject == "Somebody could not complete a sign-in to your account"
    assert (await thief.refusal(BEGIN_STEP, temp))["reason"] == "SECOND_STEP_OVER"
    verify = "mutation ($t: String!, $c: String!) { verify2FALogin(tempToken: $t, code: $c) { accessToken } }"
    by_code = await thief.refusal(verify, {"t": temp["tempToken"], "c": phone.code()})
    assert by_code["reason"] == "SECOND_STEP_OVER", "the tries are shared"


async def test_a_counter_that_goes_back_is_refused_and_told(town: Town, mailbox: Mailbox) -> None:
    """A copied security key would open the account, and its owner would never know of the copy."""
    ada = await town.owner()
    copy = ada.device.copy()

    async def use(device: Device, says: Says) -> dict[str, Any] | None:
        visitor = town.stranger()
        begun = Begun.of(await visitor.data(BEGIN_LOGIN))
        answer = (await visitor.post(FINISH_LOGIN, begun.answer(device, says))).json()
        return answer["errors"][0]["extensions"] if "errors" in answer else None

    assert await use(ada.device, saying(count=10)) is None
    letters = len(mailbox.sent)
    for count in (10, 9, 1, 0):
        assert (await use(copy, saying(count=count))) == {**WRONG, "reason": "PASSKEY_COPY_SUSPECTED"}, count
    assert len(await town.events(AuditEvent.PASSKEY_COPY_SUSPECTED)) == 4
    assert [mail.subject for mail in mailbox.sent[letters:]] == ["A passkey of your account may have been copied"] * 4
    assert len((await ada.visitor.data(MINE))["me"]["passkeys"]) == 1, "it is the owner's to remove"

    # Whoever signed up with a stranger's address, and made the key, could otherwise write to them at each sign-in.
    for _ in range(PASSKEY_COPY_LETTERS_PER_ACCOUNT.amount + 5):
        assert (await use(copy, saying(count=1))) == {**WRONG, "reason": "PASSKEY_COPY_SUSPECTED"}
    told = [mail.subject for mail in mailbox.sent[letters:]].count("A passkey of your account may have been copied")
    assert told == PASSKEY_COPY_LETTERS_PER_ACCOUNT.amount == 5
    assert await use(ada.device, saying(count=11)) is None


async def test_a_passkey_is_its_owners_to_name_and_remove(town: Town) -> None:
    """Anybody could throw a person's keys away."""
    ada, mallory = await town.owner(), await town.owner("mallory")
    (passkey,) = (await ada.visitor.data(MINE))["me"]["passkeys"]
    for name in (passkey["id"], "x", "", "0" * 36):
        missing = {"code": "NOT_FOUND", "field": "id"}
        assert await mallory.visitor.refusal(REMOVE, {"id": name, "password": PASSWORD}) == missing
        assert await mallory.visitor.refusal(RENAME, {"id": name, "name": "mine"}) == missing
    assert (await ada.visitor.data(MINE))["me"]["passkeys"] == [passkey]


async def test_a_session_that_ended_meanwhile_adds_and_proves_nothing(town: Town, services: Services) -> None:
    """A thief who has just been thrown out would leave a key of their own behind."""
    ada = await town.owner()
    adding = Begun.of(await ada.visitor.data(BEGIN_ADD))
    proving = Begun.of(await ada.visitor.data(BEGIN_CONFIRM))
    assert ada.visitor.access_token is not None
    viewer: Viewer = await services.sessions.authenticate(ada.visitor.access_token)
    (passkey,) = await services.passkeys.of(viewer)
    await town.sql.execute("update sessions set revoked_at = now()")
    origin, begin = Origin(), services.passkeys.begin_registration
    created, proved = Device().create(adding.options), ada.device.get(proving.options)
    for attempt in (
        begin(viewer, origin=origin),
        services.passkeys.finish_registration(viewer, challenge_id=adding.id, credential=created, origin=origin),
        services.passkey_proofs.confirm(viewer, challenge_id=proving.id, credential=proved, origin=origin),
        services.passkeys.remove(viewer, passkey.id, password=PASSWORD, origin=origin),
    ):
        with pytest.raises(Problem) as refused:
            await attempt
        assert refused.value.code is Code.UNAUTHENTICATED
    assert await town.sql.fetchval("select count(*) from passkeys") == 1
    assert await town.sql.fetchval("select count(*) from sessions where proved_at is not null") == 0


async def test_what_a_password_began_is_not_finished_past_a_second_factor(town: Town, clock: FixedClock) -> None:
    """A thief with session and password would keep an addition open, and have a key past the code switched on since."""
    ada = await town.owner()
    thief = town.stranger()
    thief.access_token = (await thief.data(LOGIN, ADA))["login"]["accessToken"]
    begun = Begun.of(await thief.data(BEGIN_ADD, {"password": PASSWORD}))
    await switched_on(ada.visitor, clock)
    finish = {"challengeId": begun.id, "credential": Device().create(begun.options)}
    assert await thief.refusal(FINISH_ADD, finish) == OVER
    assert await town.sql.fetchval("select count(*) from passkeys") == 1


async def test_without_redis_nobody_comes_in(clock: FixedClock, tmp_path: Path) -> None:
    """A challenge that nobody remembers could be answered twice."""
    away = PasskeyChallenges(redis=Redis(unix_socket_path=str(tmp_path / "none.sock")), clock=clock, ids=Ids())
    bond = Bond(purpose=Purpose.SIGN_IN, holder="somebody")
    for attempt in (away.draw(bond), away.take(bond, "x")):
        with pytest.raises(Problem) as refused:
            await attempt
        assert refused.value.code is Code.BUSY


async def test_tries_are_counted_by_network(town: Town, services: Services) -> None:
    """Somebody could have us check signatures all day."""
    origin = Origin(ip="192.0.2.1")
    for _ in range(PASSKEY_LOGIN_PER_IP.amount):
        await services.limits.spend(PASSKEY_LOGIN_PER_IP, origin.network)
    refused = await town.stranger().refusal(FINISH_LOGIN, {"challengeId": "x", "credential": "{}"})
    assert refused["code"] == "RATE_LIMITED"
