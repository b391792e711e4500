"""Sign-in with GitHub: away with a state, back with a code, in through the one door.

The person is GitHub's numeric id. Source C looked accounts up by user name as well; a name that its owner gave up is
free for anybody to take, and would have opened the account to them. Here a name is shown and never looked up.
"""

from app.accounts.model import SignInMethod
from app.accounts.reauthentication import Reauthentication
from app.errors import Code, Problem
from app.metrics import Metrics
from app.rate_limits import RateLimits
from app.secrets import Encryption
from app.social.departures import Departures, Pending
from app.social.github_client import GithubClient, email_not_proved, not_set_up_rightly
from app.social.identities import Identities
from app.social.links import IdentityLinks
from app.social.model import ProvedIdentity, Provider
from app.social.redirect_sign_in import RedirectSignIn

MAX_CODE_CHARS = 255


class GithubSignIn(RedirectSignIn):
    """Begins and finishes sign-ins; without a `client` each is refused as not set up."""

    method = SignInMethod.GITHUB

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
        super().__init__(
            departures=departures,
            identities=identities,
            links=links,
            reauthentication=reauthentication,
            limits=limits,
            metrics=metrics,
        )
        self._client = client
        self._encryption = encryption

    @staticmethod
    def denied(error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""
        if error == "access_denied":
            return Problem(Code.FORBIDDEN, "You did not allow GitHub to sign you in.", reason="GITHUB_DENIED")
        return not_set_up_rightly(error)

    def _set_up(self) -> GithubClient:
        if self._client is None:
            raise Problem(
                Code.NOT_FOUND, "Sign-in with GitHub is not set up on this server.", reason="GITHUB_NOT_CONFIGURED"
            )
        return self._client

    async def _enterable(self, identity: ProvedIdentity) -> ProvedIdentity:
        if identity.email is None and not await self._identities.knows(identity):
            raise email_not_proved()
        return identity

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
