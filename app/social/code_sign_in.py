"""Sign-in at a provider that gives its ID tokens to servers only: away with a state, back with a code, in through the
one door.

What the token says is verified as any other's (app/social/id_tokens.py), and opens what it would open in `socialLogin`
(app/social/identities.py); only the way it comes here is another.
"""

import logging

from app.accounts.model import Admission, Origin, SignInMethod, Viewer
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.social.code_client import CodeClient
from app.social.departures import Departure, Departures, Pending
from app.social.id_tokens import IdTokens, invalid
from app.social.identities import Identities
from app.social.limits import LINK_PER_ACCOUNT
from app.social.links import IdentityLinks
from app.social.model import ProvedIdentity, Provider
from app.social.pkce import nonce_of

log = logging.getLogger(__name__)

MAX_CODE_CHARS = 2048  # LinkedIn's have some 150; others put what they remember into the code itself


class CodeSignIn:
    """Begins and finishes sign-ins at one provider; without a `client` each is refused as not set up."""

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
        self._provider = provider
        self._client = client
        self._departures = departures
        self._id_tokens = id_tokens
        self._identities = identities
        self._links = links
        self._reauthentication = reauthentication
        self._limits = limits
        self._metrics = metrics

    async def begin(self, *, redirect_uri: str, return_to: str, origin: Origin) -> Departure:
        """Remembers the browser and says where it goes; the edge has checked both addresses.

        Raises Problem: NOT_FOUND where the provider is not set up, RATE_LIMITED, BUSY.
        """
        client = self._set_up()
        leaving = await self._departures.leave(redirect_uri=redirect_uri, return_to=return_to, origin=origin)
        verifier = leaving.pending.verifier
        return leaving.to(client.authorize_url(state=leaving.state, verifier=verifier, redirect_uri=redirect_uri))

    async def take(self, *, state: str, browser: str | None, origin: Origin) -> Pending:
        """What was decided when this browser left, once.

        Raises Problem: NOT_FOUND where the provider is not set up, and as `Departures.come_back` does.
        """
        self.require_set_up()
        return await self._departures.come_back(state=state, browser=browser, origin=origin)

    @counted(Deed.LOGIN)
    async def sign_in(self, pending: Pending, *, code: str, origin: Origin) -> Admission:
        """Opens a session for whom the provider says the code is, finding, linking or making the account.

        Raises Problem: UNAUTHENTICATED or BUSY with the provider's reason, CONFLICT with that of `Identities.enter`.
        """
        identity = await self._proved(pending, code)
        return await self._identities.enter(identity, method=SignInMethod.SOCIAL, origin=origin)

    async def link(
        self,
        viewer: Viewer,
        *,
        code: str,
        state: str,
        browser: str | None,
        password: str | None = None,
        second_factor_code: str | None = None,
        origin: Origin,
    ) -> Viewer:
        """Lets the provider open the viewer's account from now on, and gives the viewer as it is then.

        Raises Problem as `take` and `sign_in` do, and as `SocialSignIn.link` does; a wrong password leaves the state as
        it is.
        """
        self.require_set_up()
        await self._reauthentication.demand(
            viewer, SensitiveDeed.LINK_IDENTITY, password=password, code=second_factor_code, origin=origin
        )
        await self._limits.spend(LINK_PER_ACCOUNT, str(viewer.account_id))
        pending = await self.take(state=state, browser=browser, origin=origin)
        return await self._links.add(viewer, await self._proved(pending, code), origin=origin)

    def denied(self, error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""
        return self._set_up().denied(error)

    def require_set_up(self) -> None:
        """Raises Problem(NOT_FOUND) where the operator has no client and secret at the provider."""
        self._set_up()

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
