"""Signing in by a provider's ID token, and the ways in that a person links and unlinks."""

from app.accounts.model import Admission, Origin, SignInMethod, Viewer
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.social.id_tokens import IdTokens
from app.social.identities import Identities
from app.social.limits import LINK_PER_ACCOUNT, SOCIAL_LOGIN_PER_IP
from app.social.links import IdentityLinks
from app.social.model import LinkedIdentity, Provider
from app.social.replays import TradedTokens


class SocialSignIn:
    """Who comes in by a provider, and which providers open an account."""

    def __init__(
        self,
        *,
        id_tokens: IdTokens,
        traded: TradedTokens,
        identities: Identities,
        links: IdentityLinks,
        reauthentication: Reauthentication,
        limits: RateLimits,
        metrics: Metrics,
    ) -> None:
        self._id_tokens = id_tokens
        self._traded = traded
        self._identities = identities
        self._links = links
        self._reauthentication = reauthentication
        self._limits = limits
        self._metrics = metrics

    @counted(Deed.LOGIN)
    async def sign_in(self, *, provider: str, id_token: str, nonce: str | None = None, origin: Origin) -> Admission:
        """Opens a session for whom the token names, making the account at first sight.

        Raises Problem: BAD_USER_INPUT for a provider that is not set up; UNAUTHENTICATED with reason INVALID_TOKEN,
        TOKEN_EXPIRED or TOKEN_REPLAYED; CONFLICT (see `Identities.enter`); RATE_LIMITED; BUSY.
        """
        wanted = self._wanted(provider)
        await self._limits.spend(SOCIAL_LOGIN_PER_IP, origin.network)
        verified = await self._id_tokens.verify(wanted, id_token, nonce=nonce, field="idToken")
        try:
            await self._traded.trade(verified, deed="sign-in")
        except Problem as problem:
            await self._identities.record_refusal(verified.identity, problem, origin=origin)
            raise
        return await self._identities.enter(verified.identity, method=SignInMethod.SOCIAL, origin=origin)

    async def link(
        self,
        viewer: Viewer,
        *,
        provider: str,
        id_token: str,
        password: str | None = None,
        code: str | None = None,
        origin: Origin,
    ) -> Viewer:
        """Lets the provider open the viewer's account from now on, and gives the viewer as it is then.

        Raises Problem as `sign_in` does; CONFLICT also when the identity opens another account; FORBIDDEN with reason
        REAUTHENTICATION_NEEDED when neither sign-in nor proof is of the last five minutes and neither password nor
        code is right.
        """
        wanted = self._wanted(provider)
        await self._reauthentication.demand(
            viewer, SensitiveDeed.LINK_IDENTITY, password=password, code=code, origin=origin
        )
        await self._limits.spend(LINK_PER_ACCOUNT, str(viewer.account_id))
        verified = await self._id_tokens.verify(wanted, id_token, field="idToken")
        await self._traded.trade(verified, deed="link")
        return await self._links.add(viewer, verified.identity, origin=origin)

    async def unlink(
        self, viewer: Viewer, *, provider: str, password: str | None = None, code: str | None = None, origin: Origin
    ) -> None:
        """Takes the provider's key to the account away, and ends the sessions of its own tokens.

        Raises Problem: NOT_FOUND when it is not linked; CONFLICT with reason LAST_SIGN_IN_METHOD when nothing else
        opens the account; FORBIDDEN as `link` does.
        """
        try:
            linked = Provider(provider)
        except ValueError:
            raise Problem(Code.BAD_USER_INPUT, "There is no such provider.", field="provider") from None
        await self._reauthentication.demand(
            viewer, SensitiveDeed.UNLINK_IDENTITY, password=password, code=code, origin=origin
        )
        await self._links.remove(viewer, linked, origin=origin)

    async def identities(self, viewer: Viewer) -> tuple[LinkedIdentity, ...]:
        """The providers that open the viewer's account, the oldest first."""
        return await self._links.of(viewer)

    def _wanted(self, provider: str) -> Provider:
        accepted = self._id_tokens.accepted
        if provider not in accepted:
            known = ", ".join(accepted) or "none"
            raise Problem(Code.BAD_USER_INPUT, f"This provider is not set up here; set up: {known}.", field="provider")
        return Provider(provider)
