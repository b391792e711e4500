"""Sign-in with GitHub: away with a state, back with a code, in through the one door.

The person is GitHub's numeric id. Source C looked accounts up by user name as well; a name that its owner gave up is
free for anybody to take, and would have opened the account to them. Here a name is shown and never looked up.
"""

from app.accounts.model import Admission, Origin, SignInMethod, Viewer
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.secrets import Encryption
from app.social.departures import Departure, Departures, Pending
from app.social.github_client import GithubClient, email_not_proved, not_set_up_rightly
from app.social.identities import Identities
from app.social.limits import LINK_PER_ACCOUNT
from app.social.links import IdentityLinks
from app.social.model import ProvedIdentity, Provider

MAX_CODE_CHARS = 255


class GithubSignIn:
    """Begins and finishes sign-ins; without a `client` each is refused as not set up."""

    def __init__(
        self,
        *,
        client: GithubClient | None,
        departures: Departures,
        identities: Identities,
        links: IdentityLinks,
        reauthentication: Reauthentication,
        encryption: Encryption,
        limits: RateLimits,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._departures = departures
        self._identities = identities
        self._links = links
        self._reauthentication = reauthentication
        self._encryption = encryption
        self._limits = limits
        self._metrics = metrics

    async def begin(self, *, redirect_uri: str, return_to: str, origin: Origin) -> Departure:
        """Remembers the browser and says where it goes; the edge has checked both addresses.

        Raises Problem: NOT_FOUND where GitHub is not set up, RATE_LIMITED, BUSY.
        """
        client = self._set_up()
        leaving = await self._departures.leave(redirect_uri=redirect_uri, return_to=return_to, origin=origin)
        verifier = leaving.pending.verifier
        return leaving.to(client.authorize_url(state=leaving.state, verifier=verifier, redirect_uri=redirect_uri))

    async def take(self, *, state: str, browser: str | None, origin: Origin) -> Pending:
        """What was decided when this browser left, once.

        Raises Problem: NOT_FOUND where GitHub is not set up, and as `Departures.come_back` does.
        """
        self.require_set_up()
        return await self._departures.come_back(state=state, browser=browser, origin=origin)

    @counted(Deed.LOGIN)
    async def sign_in(self, pending: Pending, *, code: str, origin: Origin) -> Admission:
        """Opens a session for whom GitHub says the code is, finding, linking or making the account.

        Raises Problem: UNAUTHENTICATED or BUSY with GitHub's reason, CONFLICT with that of `Identities.enter`.
        """
        identity = await self._proved(pending, code)
        if identity.email is None and not await self._identities.knows(identity):
            raise email_not_proved()
        return await self._identities.enter(identity, method=SignInMethod.GITHUB, origin=origin)

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
        """Lets GitHub open the viewer's account from now on, and gives the viewer as it is then.

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

    @staticmethod
    def denied(error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""
        if error == "access_denied":
            return Problem(Code.FORBIDDEN, "You did not allow GitHub to sign you in.", reason="GITHUB_DENIED")
        return not_set_up_rightly(error)

    def require_set_up(self) -> None:
        """Raises Problem(NOT_FOUND) where the operator has not registered an app at GitHub."""
        self._set_up()

    def _set_up(self) -> GithubClient:
        if self._client is None:
            raise Problem(
                Code.NOT_FOUND, "Sign-in with GitHub is not set up on this server.", reason="GITHUB_NOT_CONFIGURED"
            )
        return self._client

    async def _proved(self, pending: Pending, code: str) -> ProvedIdentity:
        if not code.isascii() or not code.isprintable() or not 0 < len(code) <= MAX_CODE_CHARS:
            raise Problem(Code.BAD_USER_INPUT, "This is not a code of GitHub's.", field="code")
        client = self._set_up()
        person = await client.person(code=code, verifier=pending.verifier, redirect_uri=pending.redirect_uri)
        issuer = client.app.issuer
        return ProvedIdentity(
            provider=Provider.GITHUB,
            issuer=issuer,
            subject=person.subject,
            email=person.email,
            email_verified=person.email is not None,
            name=person.name,
            username=person.login,
            token_sealed=self._encryption.seal(
                person.access_token.encode(), context=token_context(issuer, person.subject)
            ),
        )


def token_context(issuer: str, subject: str) -> str:
    """What a sealed token is bound to: moved to another person's row it does not open."""
    return f"identity-token {issuer} {subject}"
