"""Sign-in at a provider that gives its ID tokens to servers only: away with a state, back with a code, in through the
one door.

What the token says is verified as any other's (app/social/id_tokens.py), and opens what it would open in `socialLogin`
(app/social/identities.py); only the way it comes here is another.
"""

import logging

from app.accounts.model import SignInMethod
from app.accounts.reauthentication import Reauthentication
from app.errors import Code, Problem
from app.metrics import Metrics
from app.rate_limits import RateLimits
from app.social.code_client import CodeClient
from app.social.departures import Departures, Pending
from app.social.id_tokens import IdTokens, invalid
from app.social.identities import Identities
from app.social.links import IdentityLinks
from app.social.model import ProvedIdentity, Provider
from app.social.pkce import nonce_of
from app.social.redirect_sign_in import RedirectSignIn

log = logging.getLogger(__name__)

MAX_CODE_CHARS = 2048  # LinkedIn's have some 150; others put what they remember into the code itself


class CodeSignIn(RedirectSignIn):
    """Begins and finishes sign-ins at one provider; without a `client` each is refused as not set up."""

    method = SignInMethod.SOCIAL

    def __init__(
        self,
        *,
        provider: Provider,
        client: CodeClient | None,
        departures: Departures,
        id_tokens: IdTokens,
        identities: Identities,
        links: IdentityLinks,
        reauthentication: Reauthentication,
        limits: RateLimits,
        metrics: Metrics,
    ) -> None:
        super().__init__(
            departures=departures,
            identities=identities,
            links=links,
            reauthentication=reauthentication,
            limits=limits,
            metrics=metrics,
        )
        self._provider = provider
        self._client = client
        self._id_tokens = id_tokens

    def denied(self, error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""
        return self._set_up().denied(error)

    def _set_up(self) -> CodeClient:
        if self._client is None:
            raise Problem(
                Code.NOT_FOUND,
                f"Sign-in with {self._provider.shown} is not set up on this server.",
                reason="PROVIDER_NOT_CONFIGURED",
            )
        return self._client

    async def _proved(self, pending: Pending, code: str) -> ProvedIdentity:
        if not code.isascii() or not code.isprintable() or not 0 < len(code) <= MAX_CODE_CHARS:
            raise Problem(Code.BAD_USER_INPUT, f"This is not a code of {self._provider.shown}.", field="code")
        client = self._set_up()
        token = await client.id_token(code=code, verifier=pending.verifier, redirect_uri=pending.redirect_uri)
        try:
            verified = await self._id_tokens.verify_own(self._provider, token, audience=client.row.client_id)
            # Where the provider echoes none, nothing but the state binds a code to the browser that left for it.
            wanted = nonce_of(pending.verifier) if client.row.echoes_nonce or verified.nonce is not None else None
            if verified.nonce != wanted:
                raise invalid()
        except Problem as problem:
            log.warning("%s gave an ID token that is not good: %s", self._provider.shown, problem.reason)
            raise
        return verified.identity
