"""Passkeys as a page uses them: added, used to sign in, as second step and as a fresh proof, named and removed."""

import json

import httpx
import pytest

from app.audit import AuditEvent
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
    REMOVE,
    RENAME,
    Begun,
    Town,
)
from tests.passkey_device import PAGE, UP, Device, decoded, saying
from tests.serving import PASSWORD, Visitor

ADA = {"email": "ada@example.org", "password": PASSWORD}


async def test_what_a_device_is_asked_for_a_new_passkey(town: Town) -> None:
    """A browser would make no key that finds its owner by itself, or would name people on their devices."""
    ada = await town.owner()
    asked = Begun.of(await ada.visitor.data(BEGIN_ADD)).asked
    assert asked["rp"] == {"id": "localhost", "name": "localhost"}
    assert [wanted["alg"] for wanted in asked["pubKeyCredParams"]] == [-8, -7, -257]
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert asked["attestation"] == "none"
    assert len(decoded(asked["challenge"])) == 32
    assert asked["user"]["name"] == "ada@example.org"
    handle = decoded(asked["user"]["id"])
    assert len(handle) == 64
    assert handle == ada.device.user_handle, "a second passkey is of the same person"
    assert [decoded(known["id"]) for known in asked["excludeCredentials"]] == [ada.device.credential_id]
    assert asked["excludeCredentials"][0]["transports"] == ["internal", "hybrid"]
    account_id = await town.sql.fetchval("select id from accounts")
    assert account_id.bytes not in handle


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_a_passkey_signs_in_without_a_name(town: Town, clock: FixedClock, algorithm: str) -> None:
    """People could not use what they added, or would be known by another's."""
    ada = await town.owner(algorithm=algorithm)
    await town.owner("grace")
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN, headers={"origin": PAGE}))
    assert begun.asked["rpId"] == "localhost"
    assert begun.asked["userVerification"] == "required"
    assert begun.asked["allowCredentials"] == [], "nobody can be looked for"
    payload = (await stranger.data(FINISH_LOGIN, begun.answer(ada.device)))["passkeyLogin"]
    assert payload["requiresTwoFactor"] is False
    assert payload["refreshToken"] is None
    assert payload["user"]["handle"] == "ada"
    assert stranger.session_cookies == {"bonafide_refresh", "bonafide_csrf"}

    stranger.access_token = payload["accessToken"]
    sessions = (await stranger.data("{ sessions { current method } }"))["sessions"]
    assert [each["method"] for each in sessions if each["current"]] == ["PASSKEY"]
    assert (await town.events(AuditEvent.SIGNED_IN))[-1] == {"method": "passkey", "second_factor": "passkey"}
    passkey = (await stranger.data(MINE))["me"]["passkeys"][0]
    assert passkey["lastUsedAt"] == "2026-11-20T12:00:00.000Z"


async def test_an_app_gets_its_token_in_the_body(town: Town) -> None:
    """A web view without a cookie for the session could not stay signed in."""
    ada = await town.owner()
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    given = await stranger.data(FINISH_LOGIN, begun.answer(ada.device), headers={"x-token-delivery": "body"})
    assert given["passkeyLogin"]["refreshToken"]


async def test_a_synced_passkey_counts_nothing_and_works_again_and_again(town: Town) -> None:
    """Phones and password managers count no uses: their second sign-in would be taken for a copy."""
    ada = await town.owner(counts=False, synced=True)
    for _ in range(3):
        stranger = town.stranger()
        begun = Begun.of(await stranger.data(BEGIN_LOGIN))
        assert (await stranger.data(FINISH_LOGIN, begun.answer(ada.device)))["passkeyLogin"]["accessToken"]
    assert (await ada.visitor.data(MINE))["me"]["passkeys"][0]["synced"] is True


async def test_a_passkey_is_not_asked_for_a_code_after_it(town: Town, clock: FixedClock) -> None:
    """A passkey that asked for PIN, finger or face is two factors; people would be asked for a third."""
    ada = await town.owner()
    await switched_on(ada.visitor, clock)
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    payload = (await stranger.data(FINISH_LOGIN, begun.answer(ada.device)))["passkeyLogin"]
    assert payload["user"] == {"handle": "ada", "twoFactorEnabled": True}


async def test_a_passkey_stands_in_for_the_code(town: Town, clock: FixedClock) -> None:
    """Whoever has lost the app but has the key would be locked out; or the password alone would name their keys."""
    ada = await town.owner()
    await switched_on(ada.visitor, clock)
    stranger = town.stranger()
    temp = {"tempToken": (await stranger.data(LOGIN, ADA))["login"]["tempToken"]}
    begun = Begun.of(await stranger.data(BEGIN_STEP, temp))
    assert [decoded(known["id"]) for known in begun.asked["allowCredentials"]] == [ada.device.credential_id]
    assert begun.asked["userVerification"] == "preferred"
    answer = begun.answer(ada.device, saying(flags=UP))
    payload = (await stranger.data(FINISH_STEP, {**temp, **answer}))["passkeySecondStep"]
    assert payload["user"]["handle"] == "ada"
    assert (await town.events(AuditEvent.SIGNED_IN))[-1] == {"method": "password", "second_factor": "passkey"}
    again = await stranger.refusal(BEGIN_STEP, temp)
    assert again == {"code": "UNAUTHENTICATED", "field": "tempToken", "reason": "SECOND_STEP_OVER"}


async def test_a_passkey_alone_switches_no_second_factor_on(town: Town) -> None:
    """Whoever adds a passkey on one device could no longer sign in by password on another."""
    await town.owner()
    assert (await town.stranger().data(LOGIN, ADA))["login"]["requiresTwoFactor"] is False


async def test_without_a_passkey_the_second_step_says_so(town: Town, visitor: Visitor, clock: FixedClock) -> None:
    """A page could not tell that it should ask for a code."""
    await visitor.signup()
    await switched_on(visitor, clock)
    temp = {"tempToken": (await town.stranger().data(LOGIN, ADA))["login"]["tempToken"]}
    assert (await town.stranger().refusal(BEGIN_STEP, temp))["reason"] == "NO_PASSKEY"
    assert (await visitor.refusal(BEGIN_CONFIRM))["reason"] == "NO_PASSKEY"


async def test_a_passkey_proves_a_session_anew(town: Town, clock: FixedClock) -> None:
    """Whoever has no password could change nothing that wants a fresh proof without signing in again."""
    ada = await town.owner()
    other = town.stranger()
    await other.data(LOGIN, ADA)
    clock.advance(3600)
    ada.visitor.access_token = (await ada.visitor.data(LOGIN, ADA))["login"]["accessToken"]
    clock.advance(400)
    begun = Begun.of(await ada.visitor.data(BEGIN_CONFIRM))
    assert begun.asked["userVerification"] == "required"
    assert (await ada.visitor.data(FINISH_CONFIRM, begun.answer(ada.device)))["confirmWithPasskey"] is True
    proved = await town.sql.fetch("select proved_at from sessions where proved_at is not null")
    assert [row["proved_at"] for row in proved] == [clock.now()], "this session and no other"


async def test_passkeys_are_named_and_told_of(town: Town, mailbox: Mailbox) -> None:
    """Nobody could tell two passkeys apart, or would learn that somebody added one."""
    ada = await town.owner()
    added = await ada.add(name="  Ada's phone ")
    assert added["name"] == "Ada's phone"
    assert added["lastUsedAt"] is None
    mine = (await ada.visitor.data(MINE))["me"]["passkeys"]
    assert [passkey["name"] for passkey in mine] == ["Passkey", "Ada's phone"]
    renamed = (await ada.visitor.data(RENAME, {"id": mine[0]["id"], "name": "Key ring"}))["renamePasskey"]
    assert renamed["name"] == "Key ring"
    for name in ("", " ", "x" * 61, "a\nb", "‮abc"):
        assert (await ada.visitor.refusal(RENAME, {"id": mine[0]["id"], "name": name}))["field"] == "name"
    told = [mail.subject for mail in mailbox.sent if "passkey" in mail.subject]
    assert told == ["A passkey was added to your account"] * 2
    assert len(await town.events(AuditEvent.PASSKEY_ADDED)) == 2


async def test_a_removed_passkey_opens_nothing(town: Town, mailbox: Mailbox) -> None:
    """A lost key would open the account for ever."""
    ada = await town.owner()
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    (passkey,) = (await ada.visitor.data(MINE))["me"]["passkeys"]
    remove = {"id": passkey["id"], "password": PASSWORD}
    assert (await ada.visitor.data(REMOVE, remove))["removePasskey"] is True
    assert (await stranger.refusal(FINISH_LOGIN, begun.answer(ada.device)))["reason"] == "WRONG_PASSKEY"
    assert mailbox.sent[-1].subject == "A passkey was removed from your account"
    assert len(await town.events(AuditEvent.PASSKEY_REMOVED)) == 1
    assert (await ada.visitor.refusal(REMOVE, remove)) == {"code": "NOT_FOUND", "field": "id"}


async def test_the_last_way_in_stays(town: Town) -> None:
    """A person would lock themselves out with one click."""
    ada = await town.owner()
    first = (await ada.visitor.data(MINE))["me"]["passkeys"][0]
    await town.sql.execute("update accounts set password_hash = null")
    refused = await ada.visitor.refusal(REMOVE, {"id": first["id"]})
    assert refused == {"code": "CONFLICT", "field": "id", "reason": "LAST_SIGN_IN_METHOD"}
    await ada.add()
    assert (await ada.visitor.data(REMOVE, {"id": first["id"]}))["removePasskey"] is True


async def test_adding_and_removing_want_a_fresh_proof(town: Town, clock: FixedClock) -> None:
    """Whoever finds an unlocked device could add a key of their own, or throw the owner's away."""
    ada = await town.owner()
    (passkey,) = (await ada.visitor.data(MINE))["me"]["passkeys"]
    clock.advance(301)
    for query, variables in ((BEGIN_ADD, {}), (REMOVE, {"id": passkey["id"]})):
        refused = await ada.visitor.refusal(query, variables)
        assert refused == {"code": "FORBIDDEN", "reason": "REAUTHENTICATION_NEEDED"}
        wrong = await ada.visitor.refusal(query, {**variables, "password": "x" * 12})
        assert (wrong["code"], wrong["field"]) == ("FORBIDDEN", "password")
        assert await ada.visitor.data(query, {**variables, "password": PASSWORD})


async def test_a_passkey_proves_enough_to_add_another(town: Town, clock: FixedClock) -> None:
    """On an account with a code a password alone would add a key that needs no code; its owner could add none."""
    ada = await town.owner()
    await switched_on(ada.visitor, clock)
    needed = {"code": "FORBIDDEN", "reason": "REAUTHENTICATION_NEEDED"}
    assert await ada.visitor.refusal(BEGIN_ADD) == needed, "though the sign-in is fresh"
    assert (await ada.visitor.refusal(BEGIN_ADD, {"password": PASSWORD}))["reason"] == needed["reason"]
    begun = Begun.of(await ada.visitor.data(BEGIN_CONFIRM))
    await ada.visitor.data(FINISH_CONFIRM, begun.answer(ada.device))
    assert (await ada.add(name="another"))["name"] == "another"
    clock.advance(301)
    assert await ada.visitor.refusal(BEGIN_ADD) == needed


async def test_twenty_passkeys_and_no_more(town: Town) -> None:
    """A thief could fill the account with keys, or a person wonder why the twenty-first is gone."""
    ada = await town.owner()
    begun = Begun.of(await ada.visitor.data(BEGIN_ADD))
    for _ in range(19):
        await town.forget_limits()
        await ada.add(Device(algorithm="EdDSA"))
    refused = {"code": "CONFLICT", "reason": "TOO_MANY_PASSKEYS"}
    assert await ada.visitor.refusal(BEGIN_ADD) == refused
    late = {"challengeId": begun.id, "credential": Device().create(begun.options)}
    assert await ada.visitor.refusal(FINISH_ADD, late) == refused
    assert len((await ada.visitor.data(MINE))["me"]["passkeys"]) == 20


async def test_a_page_elsewhere_is_told_where_to_go(town: Town, transport: httpx.ASGITransport) -> None:
    """Browsers refuse passkeys on an IP address with a word that nobody understands."""
    ada = await town.owner()
    here = {"origin": "http://127.0.0.1:8000"}
    for who, query in ((town.stranger(), BEGIN_LOGIN), (ada.visitor, BEGIN_ADD), (ada.visitor, BEGIN_CONFIRM)):
        answer = (await who.post(query, headers=here)).json()["errors"][0]
        assert answer["extensions"] == {"code": "FORBIDDEN", "reason": "PASSKEYS_NOT_HERE"}
        assert "Open http://localhost:8000 instead" in answer["message"]
        assert Begun.of(await who.data(query, headers={"origin": PAGE})).asked


async def test_the_export_tells_of_passkeys_and_no_key(town: Town) -> None:
    """A person would not learn what is held about them, or a copy of it would hold what opens nothing."""
    ada = await town.owner()
    held = json.loads((await ada.visitor.data("mutation { exportMyData }"))["exportMyData"])
    assert held["passkeys"] == [{"name": "Passkey", "addedAt": held["passkeys"][0]["addedAt"], "lastUsedAt": None}]
    assert ada.device.credential_id.hex() not in json.dumps(held)


async def test_nothing_of_a_deleted_account_is_left(town: Town) -> None:
    """A key would open what is gone, or a person's passkeys would stay with us."""
    ada = await town.owner()
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    await ada.visitor.data("mutation ($p: String!) { deleteAccount(password: $p) }", {"p": PASSWORD})
    assert (await stranger.refusal(FINISH_LOGIN, begun.answer(ada.device)))["reason"] == "WRONG_PASSKEY"
    for table in ("passkeys", "passkey_users"):
        assert await town.sql.fetchval(f"select count(*) from {table}") == 0


async def test_who_is_signed_out_has_no_passkeys(town: Town) -> None:
    """A stranger could add a key to somebody's account, or take one away."""
    stranger, answer = town.stranger(), {"challengeId": "x", "credential": "{}"}
    for query, variables in (
        (BEGIN_ADD, {}),
        (FINISH_ADD, answer),
        (BEGIN_CONFIRM, {}),
        (FINISH_CONFIRM, answer),
        (RENAME, {"id": "x", "name": "x"}),
        (REMOVE, {"id": "x"}),
    ):
        assert (await stranger.refusal(query, variables))["code"] == "UNAUTHENTICATED"
