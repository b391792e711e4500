"""GitHub as sign-in needs it: the web flow of an OAuth app, and who the person is.

Follows docs.github.com, "Authorizing OAuth apps" and "Rate limits for the REST API". An error of the token endpoint
comes with status 200. Every fault leaves here as a Problem, before anything of ours has been written.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from app.accounts.rules import normalised_email
from app.clock import Clock
from app.errors import Code, Problem
from app.settings import Settings
from app.social.pkce import challenge_of
from app.social.provider_http import (
    RETRY_S,
    TOTAL_TIMEOUT_S,
    AnswerTooLarge,
    ProviderHttp,
    bounded_wait,
    whole_seconds,
)

log = logging.getLogger(__name__)

_API_VERSION = "2022-11-28"
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MAX_ID = 2**63


@dataclass(frozen=True, kw_only=True)
class GithubApp:
    """The OAuth app that an operator registered, and the GitHub where they did."""

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    api_url: str
    scopes: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> "GithubApp | None":
        """None where sign-in with GitHub is not set up."""
        if settings.github_client_id is None or settings.github_client_secret is None:
            return None
        return cls(
            client_id=settings.github_client_id,
            client_secret=settings.github_client_secret,
            authorize_url=settings.github_authorize_url,
            token_url=settings.github_token_url,
            api_url=settings.github_api_url,
            scopes=settings.github_scopes + (("repo",) if settings.github_import_projects else ()),
        )

    @property
    def issuer(self) -> str:
        """Whose ids these are: person 5 of a company's own GitHub is not person 5 of github.com."""
        url = urlsplit(self.authorize_url)
        return f"{url.scheme}://{url.netloc}"


@dataclass(frozen=True, kw_only=True)
class GithubPerson:
    """Who stands behind a code, as GitHub says it."""

    subject: str  # the numeric id, which is never given to somebody else; a login is
    login: str
    name: str | None
    email: str | None  # the primary address, and only where GitHub has proved it
    access_token: str = field(repr=False)


class GithubClient:
    """Speaks to GitHub; one per process, closed at shutdown."""

    def __init__(self, *, app: GithubApp, clock: Clock, total_timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self.app = app
        self._clock = clock
        self._total_timeout_s = total_timeout_s
        self._http = ProviderHttp(total_timeout_s=total_timeout_s)

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.close()

    def authorize_url(self, *, state: str, verifier: str, redirect_uri: str) -> str:
        """Where the browser goes to be asked."""
        query = {
            "client_id": self.app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.app.scopes),
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.app.authorize_url}?{urlencode(query)}"

    async def person(self, *, code: str, verifier: str, redirect_uri: str) -> GithubPerson:
        """Trades the code for a token and reads whose it is.

        Raises Problem: UNAUTHENTICATED for what a new sign-in can put right, BUSY with the seconds to wait for what
        only time or the operator can.
        """
        try:
            async with asyncio.timeout(self._total_timeout_s):
                token = await self._token(code=code, verifier=verifier, redirect_uri=redirect_uri)
                user = await self._read("/user", token)
                emails = await self._read("/user/emails", token)
        except (httpx.TransportError, TimeoutError) as error:
            log.warning("GitHub away: %s", type(error).__name__)
            raise _away() from error
        return person_of(user, emails, token)

    async def _token(self, *, code: str, verifier: str, redirect_uri: str) -> str:
        form = {
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        status, headers, answer = await self._sent(self._http.form(self.app.token_url, form))
        self._check_rate(status, headers)
        error = answer.get("error") if isinstance(answer, dict) else None
        if error is not None:
            raise _refused(error)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if status != httpx.codes.OK or not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise _unreadable("token", status)
        return token

    async def _read(self, path: str, token: str) -> Any:
        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "x-github-api-version": _API_VERSION,
        }
        status, answer_headers, answer = await self._sent(self._http.question(self.app.api_url + path, headers))
        self._check_rate(status, answer_headers)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            # The token is a second old: it was revoked at once, the account is suspended, or the scope is missing.
            log.warning("GitHub refuses %s with %d", path, status)
            raise Problem(
                Code.UNAUTHENTICATED,
                "GitHub does not let us see who you are. Sign in again and allow us to read your e-mail address.",
                reason="GITHUB_ACCESS_REFUSED",
            )
        if status != httpx.codes.OK:
            raise _unreadable(path, status)
        return answer

    async def _sent(self, request: httpx.Request) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and the JSON of the body, None where it is none."""
        try:
            return await self._http.send(request)
        except AnswerTooLarge as error:
            raise _unreadable(request.url.path, error.status) from error

    def _check_rate(self, status: int, headers: Mapping[str, str]) -> None:
        """Raises Problem(BUSY) for an answer that says we asked too often."""
        is_used_up = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
        if status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.FORBIDDEN and is_used_up):
            wait_s = whole_seconds(headers.get("retry-after"))
            if wait_s is None and (reset_s := whole_seconds(headers.get("x-ratelimit-reset"))) is not None:
                wait_s = reset_s - self._clock.now().timestamp()
            log.warning("GitHub limits us")
            raise Problem(
                Code.BUSY,
                "GitHub lets nobody in through us for the moment.",
                retry_after_s=bounded_wait(wait_s),
                reason="GITHUB_RATE_LIMITED",
            )


def person_of(user: Any, emails: Any, token: str) -> GithubPerson:
    """Who the answers of /user and /user/emails speak of; raises Problem(BUSY) for answers that speak of nobody."""
    identifier = user.get("id") if isinstance(user, dict) else None
    login = user.get("login") if isinstance(user, dict) else None
    if type(identifier) is not int or not 0 < identifier < _MAX_ID:
        raise _unreadable("id", httpx.codes.OK)
    if not isinstance(login, str) or _LOGIN.fullmatch(login) is None or not isinstance(emails, list):
        raise _unreadable("login and addresses", httpx.codes.OK)
    name = user.get("name")
    return GithubPerson(
        subject=str(identifier),
        login=login,
        name=name if isinstance(name, str) else None,
        email=_proved_address(emails),
        access_token=token,
    )


def _proved_address(emails: list[Any]) -> str | None:
    for entry in emails:
        if isinstance(entry, dict) and entry.get("primary") is True and entry.get("verified") is True:
            address = entry.get("email")
            try:
                return normalised_email(address) if isinstance(address, str) else None
            except Problem:  # one that our rules do not know, as of an internationalised mailbox
                return None
    return None


def _away() -> Problem:
    return Problem(Code.BUSY, "GitHub does not answer as it should.", retry_after_s=RETRY_S, reason="GITHUB_AWAY")


def _unreadable(what: str, status: int) -> Problem:
    log.warning("GitHub's answer cannot be read: %s, status %d", what, status)
    return _away()


def _refused(error: Any) -> Problem:
    """What the `error` of the web flow means; only its first kinds are the person's to put right."""
    if error == "bad_verification_code":
        return Problem(
            Code.UNAUTHENTICATED,
            "GitHub does not know this code: it was used already or is older than ten minutes. Start again.",
            field="code",
            reason="GITHUB_CODE_REFUSED",
        )
    if error == "unverified_user_email":
        return email_not_proved()
    return not_set_up_rightly(error)


def email_not_proved() -> Problem:
    """For who has no address at GitHub that we may rely on."""
    return Problem(
        Code.UNAUTHENTICATED,
        "Your GitHub account has no verified primary e-mail address. Verify one at GitHub, then start again.",
        reason="GITHUB_EMAIL_NOT_VERIFIED",
    )


def not_set_up_rightly(error: Any) -> Problem:
    """For an `error` by which GitHub refuses us, not the person; the log tells the operator which."""
    word = error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,64}", error) else "unknown"
    log.error("GitHub refuses this server: %s; look at GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET and PUBLIC_URL", word)
    return Problem(
        Code.BUSY,
        "Sign-in with GitHub does not work on this server at the moment. Please tell the people who run it.",
        reason="GITHUB_REFUSES_SERVER",
    )
