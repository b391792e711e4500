"""Sign-in by a redirect: away to a provider with a state, back with a code; whom it proves is let in, or linked."""

from abc import ABC, abstractmethod
from typing import Protocol

from app.accounts.model import Admission, Origin, SignInMethod, Viewer
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.social.departures import Departure, Departures, Pending
from app.social.identities import Identities
from app.social.limits import LINK_PER_ACCOUNT
from app.social.links import IdentityLinks
from app.social.model import ProvedIdentity


class Authorizing(Protocol):
    """Knows where the browser is sent."""

    def authorize_url(self, *, state: str, verifier: str, redirect_uri: str) -> str:
        """The provider's own page, with what it is to give back."""


class RedirectSignIn(ABC):
    """Begins and finishes sign-ins at one provider; each is refused where it is not set up."""

    method: SignInMethod

    def __init__(
        self,
        *,
        departures: Departures,
        identities: Identities,
        links: IdentityLinks,
        reauthentication: Reauthentication,
        limits: RateLimits,
        metrics: Metrics,
    ) -> None:
        self._departures = departures
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
        identity = await self._enterable(await self._proved(pending, code))
        return await self._identities.enter(identity, method=self.method, origin=origin)

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

    def require_set_up(self) -> None:
        """Raises Problem(NOT_FOUND) where the operator has not registered this server at the provider."""
        self._set_up()

    @abstractmethod
    def _set_up(self) -> Authorizing:
        """The client; raises Problem(NOT_FOUND) where there is none."""

    @abstractmethod
    async def _proved(self, pending: Pending, code: str) -> ProvedIdentity:
        """Who the code is for; raises Problem."""

    async def _enterable(self, identity: ProvedIdentity) -> ProvedIdentity:
        """The same, where a session may be opened for it; raises Problem."""
        return identity
