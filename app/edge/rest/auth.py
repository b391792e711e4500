"""Accounts and sessions over REST."""

import math

from app.accounts.model import Admission
from app.edge.rest.models import (
    CampusOut,
    DoneOut,
    LoginRequest,
    RefreshRequest,
    RegisteredOut,
    RegisterRequest,
    ResendRequest,
    SecondFactorOut,
    SecondFactorRequest,
    SignedOutOut,
    TokensOut,
    VerifyRequest,
)
from app.edge.rest.operations import Link, Operation
from app.edge.visit import AuthPayload, Visit
from app.errors import Code


async def register(visit: Visit, body: RegisterRequest) -> RegisteredOut:
    """Takes a member of a campus in, and mails the proof of the address.

    The answer is the same whether or not the address has an account; who has one already learns it by mail.
    """
    registered = await visit.services.registration.register(**body.model_dump(exclude_unset=True), origin=visit.origin)
    return RegisteredOut(user_id=registered.user_id, email=registered.email)


async def verify_email(visit: Visit, body: VerifyRequest) -> DoneOut:
    """Proves an address, by the token of the link or by the code with the address."""
    await visit.services.email_proofs.prove(**body.model_dump(exclude_unset=True), origin=visit.origin)
    return DoneOut(ok=True)


async def resend(visit: Visit, body: ResendRequest) -> DoneOut:
    """Mails a new proof where an account has the address and has not proved it; the answer does not tell."""
    await visit.services.email_proofs.resend(email=body.email, origin=visit.origin)
    return DoneOut(ok=True)


async def campuses(visit: Visit) -> list[CampusOut]:
    """Every campus, by name."""
    return [
        CampusOut(id=campus.id, name=campus.name, domain=campus.domain)
        for campus in await visit.services.campuses.all()
    ]


async def login(visit: Visit, body: LoginRequest) -> TokensOut | SecondFactorOut:
    """Hands over a session for the right password, or asks for the second factor."""
    admission = await visit.services.accounts.login(
        email=body.email, password=body.password, origin=visit.entering_origin
    )
    return _admitted(visit, admission)


async def login_second_factor(visit: Visit, body: SecondFactorRequest) -> TokensOut:
    """Hands over the session that a right first factor asked for."""
    signed_in = await visit.services.second_factors.verify_login(
        temp_token=body.temp_token, code=body.code, origin=visit.entering_origin
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
        expires_in=math.ceil(lives.total_seconds()),  # made some milliseconds ago
        **in_body,
    )


OPERATIONS = (
    Operation("POST", "/auth/register", register, (Code.CONFLICT, Code.RATE_LIMITED)),
    Operation("POST", "/auth/verify-email", verify_email, (Code.CONFLICT, Code.GONE, Code.RATE_LIMITED)),
    Operation("POST", "/auth/resend", resend, (Code.RATE_LIMITED,)),
    Operation("GET", "/auth/campuses", campuses),
    Operation(
        "POST",
        "/auth/login",
        login,
        (Code.UNAUTHENTICATED, Code.RATE_LIMITED),
        leads_to=(Link("login_second_factor", {"temp_token": "$response.body#/temp_token"}),),
    ),
    Operation("POST", "/auth/login/second-factor", login_second_factor, (Code.UNAUTHENTICATED, Code.RATE_LIMITED)),
    Operation("POST", "/auth/refresh", refresh, (Code.UNAUTHENTICATED, Code.FORBIDDEN), by_cookie=True),
    Operation(
        "POST",
        "/auth/logout",
        logout,
        (Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.CONFLICT, Code.RATE_LIMITED),
        by_cookie=True,
    ),
)
