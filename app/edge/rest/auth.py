"""Accounts and sessions over REST."""

from app.accounts.model import Admission
from app.edge.rest.models import (
    LoginRequest,
    RefreshRequest,
    SecondFactorOut,
    SecondFactorRequest,
    SignedOutOut,
    TokensOut,
)
from app.edge.rest.operations import Link, Operation
from app.edge.visit import AuthPayload, Visit
from app.errors import Code


async def login(visit: Visit, body: LoginRequest) -> TokensOut | SecondFactorOut:
    """Hands over a session for the right password, or asks for the second factor."""
    admission = await visit.services.accounts.login(email=body.email, password=body.password, origin=visit.origin)
    return _admitted(visit, admission)


async def login_second_factor(visit: Visit, body: SecondFactorRequest) -> TokensOut:
    """Hands over the session that a right first factor asked for."""
    signed_in = await visit.services.second_factors.verify_login(
        temp_token=body.temp_token, code=body.code, origin=visit.origin
    )
    return _tokens(visit, visit.hand_over(signed_in))


async def refresh(visit: Visit, body: RefreshRequest | None) -> TokensOut:
    """Hands over the successor of the refresh token in the body, or of the cookie's.

    A token is used once. Whoever races with another tab is given the same successor for ten seconds; an older token
    ends the whole session.
    """
    return _tokens(visit, await visit.refresh(None if body is None else body.refresh_token))


async def logout(visit: Visit, body: RefreshRequest | None) -> SignedOutOut:
    """Ends the session of the refresh token in the body, of the cookie, or of the access token."""
    return SignedOutOut(ended=await visit.sign_out(None if body is None else body.refresh_token))


def _admitted(visit: Visit, admission: Admission) -> TokensOut | SecondFactorOut:
    payload = visit.hand_over(admission)
    if payload.temp_token is not None:
        return SecondFactorOut(requires_two_factor=True, temp_token=payload.temp_token)
    return _tokens(visit, payload)


def _tokens(visit: Visit, payload: AuthPayload) -> TokensOut:
    assert payload.access_token is not None
    assert payload.access_expires_at is not None
    lives = payload.access_expires_at - visit.services.clock.now()
    in_body = {} if payload.refresh_token is None else {"refresh_token": payload.refresh_token}
    return TokensOut(
        access_token=payload.access_token,
        token_type="bearer",  # noqa: S106 - RFC 6750's word
        expires_in=int(lives.total_seconds()),
        **in_body,
    )


OPERATIONS = (
    Operation(
        "POST",
        "/auth/login",
        login,
        (Code.UNAUTHENTICATED, Code.RATE_LIMITED),
        leads_to=(Link("login_second_factor", {"temp_token": "$response.body#/temp_token"}),),
    ),
    Operation("POST", "/auth/login/second-factor", login_second_factor, (Code.UNAUTHENTICATED, Code.RATE_LIMITED)),
    Operation("POST", "/auth/refresh", refresh, (Code.UNAUTHENTICATED, Code.FORBIDDEN), by_cookie=True),
    Operation("POST", "/auth/logout", logout, (Code.UNAUTHENTICATED, Code.FORBIDDEN), by_cookie=True),
)
