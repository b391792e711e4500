"""Two-factor sign-in over GraphQL: what a page or an app sees of it."""

import httpx
import pytest

from tests.authenticator import ENABLE_2FA, VERIFY_2FA, switched_on
from tests.fakes import FixedClock
from tests.serving import PASSWORD, Visitor

DISABLE = "mutation ($code: String!) { disable2FA(code: $code) }"
RENEW = "mutation ($code: String!) { regenerateBackupCodes(code: $code) }"
FACTOR = "{ me { twoFactorEnabled backupCodesLeft } }"
PAYLOAD = "{ requiresTwoFactor tempToken accessToken refreshToken isNewUser user { handle twoFactorEnabled } }"
LOGIN = f"mutation ($email: String!, $password: String!) {{ login(email: $email, password: $password) {PAYLOAD} }}"
COMPLETE = f"mutation ($token: String!, $code: String!) {{ verify2FALogin(tempToken: $token, code: $code) {PAYLOAD} }}"
ADA = {"email": "ada@example.org", "password": PASSWORD}


async def test_a_page_signs_in_with_two_steps(
    visitor: Visitor, transport: httpx.ASGITransport, clock: FixedClock
) -> None:
    """A page could not ask for the code, or the password alone would leave a cookie behind."""
    await visitor.signup()
    phone, setup = await switched_on(visitor, clock)
    assert len(setup["backupCodes"]) == 10
    assert setup["qrCode"].startswith("data:image/svg+xml")
    assert (await visitor.data(FACTOR))["me"] == {"twoFactorEnabled": True, "backupCodesLeft": 10}

    other = Visitor(transport)
    first = (await other.data(LOGIN, ADA))["login"]
    temp_token = first.pop("tempToken")
    assert first == {
        "requiresTwoFactor": True,
        "accessToken": None,
        "refreshToken": None,
        "isNewUser": False,
        "user": None,
    }
    assert not other.session_cookies
    other.access_token = temp_token
    assert (await other.refusal(FACTOR))["code"] == "UNAUTHENTICATED", "a temp token is no access token"
    other.access_token = None

    second = (await other.data(COMPLETE, {"token": temp_token, "code": phone.code()}))["verify2FALogin"]
    assert second["requiresTwoFactor"] is False
    assert second["tempToken"] is None
    assert second["user"] == {"handle": "ada", "twoFactorEnabled": True}
    assert other.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    other.access_token = second["accessToken"]
    assert (await other.data(FACTOR))["me"]["backupCodesLeft"] == 10


async def test_an_app_gets_its_token_after_the_second_step(visitor: Visitor, clock: FixedClock) -> None:
    """An app without a cookie jar could never sign in to an account with a second factor."""
    await visitor.signup()
    phone, _ = await switched_on(visitor, clock)
    in_body = {"x-token-delivery": "body"}
    temp_token = (await visitor.data(LOGIN, ADA, headers=in_body))["login"]["tempToken"]
    given = {"token": temp_token, "code": phone.code()}
    assert (await visitor.data(COMPLETE, given, headers=in_body))["verify2FALogin"]["refreshToken"]


async def test_a_client_can_tell_try_again_from_begin_again(visitor: Visitor, clock: FixedClock) -> None:
    """A page would ask for the password again after a slip of the finger, or for a code for ever."""
    await visitor.signup()
    phone, _ = await switched_on(visitor, clock)
    temp_token = (await visitor.data(LOGIN, ADA))["login"]["tempToken"]
    given = {"token": temp_token, "code": phone.wrong_code()}
    refusals = [await visitor.refusal(COMPLETE, given) for _ in range(5)]
    again = {"code": "UNAUTHENTICATED", "field": "code", "reason": "WRONG_CODE"}
    over = {"code": "UNAUTHENTICATED", "field": "tempToken", "reason": "SECOND_STEP_OVER"}
    assert refusals == [again] * 4 + [over]
    assert await visitor.refusal(COMPLETE, {"token": temp_token, "code": phone.code()}) == over


async def test_codes_are_renewed_and_the_factor_goes(visitor: Visitor, clock: FixedClock) -> None:
    """Settings would show what is not so."""
    await visitor.signup()
    phone, setup = await switched_on(visitor, clock)
    renewed = (await visitor.data(RENEW, {"code": setup["backupCodes"][0]}))["regenerateBackupCodes"]
    assert len(set(renewed) - set(setup["backupCodes"])) == 10
    assert (await visitor.data(FACTOR))["me"] == {"twoFactorEnabled": True, "backupCodesLeft": 10}
    assert (await visitor.refusal(ENABLE_2FA))["code"] == "CONFLICT"
    assert (await visitor.data(DISABLE, {"code": phone.code()}))["disable2FA"] is True
    assert (await visitor.data(FACTOR))["me"] == {"twoFactorEnabled": False, "backupCodesLeft": None}
    assert (await visitor.data(LOGIN, ADA))["login"]["accessToken"]


async def test_an_old_sign_in_is_asked_for_the_password(visitor: Visitor, clock: FixedClock) -> None:
    """A page could not tell that it should ask for the password, or had no way to send it."""
    await visitor.signup()
    clock.advance(301)
    enable = "mutation ($password: String) { enable2FA(password: $password) { qrCode } }"
    refused = await visitor.refusal(enable)
    assert refused == {"code": "FORBIDDEN", "reason": "REAUTHENTICATION_NEEDED"}
    assert (await visitor.refusal(enable, {"password": "x" * 12}))["field"] == "password"
    assert (await visitor.data(enable, {"password": PASSWORD}))["enable2FA"]["qrCode"]


@pytest.mark.parametrize("query", [ENABLE_2FA, VERIFY_2FA, DISABLE, RENEW])
async def test_nobody_who_is_signed_out_changes_anything(visitor: Visitor, query: str) -> None:
    """A stranger could switch somebody's second factor off."""
    variables = {"code": "123456"} if "$code" in query else None
    assert (await visitor.refusal(query, variables))["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("code", [None, 123456, True, ["123456"], {"code": "123456"}, "", "12345", "x" * 10_000, "\0"])
async def test_what_is_no_code_is_refused(visitor: Visitor, clock: FixedClock, code: object) -> None:
    """Odd input would end in an internal error, or change something."""
    await visitor.signup()
    await switched_on(visitor, clock)
    temp_token = (await visitor.data(LOGIN, ADA))["login"]["tempToken"]
    for query, variables in (
        (VERIFY_2FA, {"code": code}),
        (DISABLE, {"code": code}),
        (RENEW, {"code": code}),
        (COMPLETE, {"token": temp_token, "code": code}),
        (COMPLETE, {"code": "123456"}),
        (COMPLETE, {"token": None, "code": "123456"}),
        (COMPLETE, {"token": 5, "code": "123456"}),
    ):
        refused = await visitor.refusal(query, variables)
        assert refused["code"] == "BAD_USER_INPUT"
    assert (await visitor.data(FACTOR))["me"] == {"twoFactorEnabled": True, "backupCodesLeft": 10}


async def test_one_document_tries_one_code(visitor: Visitor, clock: FixedClock) -> None:
    """One request could try a thousand codes."""
    await visitor.signup()
    await switched_on(visitor, clock)
    both = 'mutation { a: disable2FA(code: "000000") b: regenerateBackupCodes(code: "111111") }'
    assert (await visitor.refusal(both))["code"] == "BAD_USER_INPUT"
