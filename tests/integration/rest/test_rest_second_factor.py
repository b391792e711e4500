"""The second step of a sign-in over REST."""

from tests.authenticator import Phone
from tests.fakes import FixedClock
from tests.serving import PASSWORD, Visitor

ADA = {"email": "ada@example.org", "password": PASSWORD}
IN_BODY = {"x-token-delivery": "body"}


async def guarded(visitor: Visitor, clock: FixedClock) -> Phone:
    """Signs up and switches the second factor on."""
    await visitor.signup()
    setup = (await visitor.data("mutation { enable2FA { otpauthUrl } }"))["enable2FA"]
    phone = Phone.of(setup["otpauthUrl"], clock)
    assert await visitor.data("mutation ($c: String!) { verify2FA(code: $c) }", {"c": phone.code()})
    visitor.http.cookies.clear()
    return phone


async def test_a_password_alone_opens_nothing(visitor: Visitor, clock: FixedClock) -> None:
    """Whoever has the password would pass by REST where GraphQL asks for the second factor."""
    phone = await guarded(visitor, clock)
    first = await visitor.http.post("/auth/login", json=ADA)
    assert set(first.json()) == {"requires_two_factor", "temp_token"}
    assert first.json()["requires_two_factor"] is True
    assert "bonafide_refresh" not in first.headers["set-cookie"]
    step = {"temp_token": first.json()["temp_token"], "code": phone.next_code()}
    tokens = (await visitor.http.post("/auth/login/second-factor", json=step, headers=IN_BODY)).json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    profile = await visitor.http.get("/profile/me", headers={"authorization": f"Bearer {tokens['access_token']}"})
    assert profile.json()["handle"] == "ada"
    again = await visitor.http.post("/auth/login/second-factor", json=step)
    assert (again.status_code, again.json()["reason"]) == (401, "SECOND_STEP_OVER")
    assert again.json()["field"] == "temp_token"


async def test_a_wrong_code_can_be_corrected(visitor: Visitor, clock: FixedClock) -> None:
    """One slip of a finger would cost the whole sign-in."""
    phone = await guarded(visitor, clock)
    temp_token = (await visitor.http.post("/auth/login", json=ADA)).json()["temp_token"]
    code = phone.next_code()
    for given, status, reason in (
        (phone.wrong_code(), 401, "WRONG_CODE"),
        ("no code", 400, None),
        ("٤٩٢٠٣٩", 400, None),
    ):
        step = {"temp_token": temp_token, "code": given}
        refused = await visitor.http.post("/auth/login/second-factor", json=step)
        assert refused.status_code == status, refused.text
        assert refused.json()["field"] == "code"
        if reason:
            assert refused.json()["reason"] == reason
    passed = await visitor.http.post("/auth/login/second-factor", json={"temp_token": temp_token, "code": code})
    assert passed.status_code == 200
    assert visitor.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
