"""A GitHub on loopback: the web flow and the two reads of its API, as docs.github.com describes them.

Errors of the token endpoint come with status 200; the answer's form follows the Accept header; codes are good once,
for ten minutes, for the app, redirect_uri and PKCE challenge they were made for; the API wants a User-Agent.
"""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app.clock import Clock
from app.ids import Ids

CODE_LIFE = timedelta(minutes=10)
CLIENT_ID = "Iv1.0123456789abcdef"
CLIENT_SECRET = "c1ient-5ecret-0123456789abcdef0123456789"
DOCUMENTATION = "https://docs.github.com/rest"

_ERRORS = {
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "bad_verification_code": "The code passed is incorrect or expired.",
    "unverified_user_email": "The user must have a verified primary email.",
    "access_denied": "The user has denied your application access.",
}

Answer = Callable[[Request], Awaitable[Response]]


def address(email: str, *, primary: bool = True, verified: bool = True) -> dict[str, object]:
    """One entry of /user/emails."""
    return {"email": email, "primary": primary, "verified": verified, "visibility": "public" if primary else None}


@dataclass
class GithubUser:
    """Somebody with an account at this GitHub."""

    id: int
    login: str
    name: str | None = None
    emails: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class _Grant:
    user: GithubUser
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    expires_at: datetime


@dataclass
class GithubServer:
    """`browser_user` is who is signed in at GitHub in the browser that comes; None clicks "Cancel".

    `faults` answers in place of a path; `asked` keeps every request's path, headers and form.
    """

    url: str
    clock: Clock
    ids: Ids
    callback_url: str = "http://127.0.0.1:8000/"
    browser_user: GithubUser | None = None
    faults: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)
    tokens: dict[str, _Grant] = field(default_factory=dict)
    _codes: dict[str, _Grant] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a Bonafide that uses this GitHub."""
        return {
            "GITHUB_CLIENT_ID": CLIENT_ID,
            "GITHUB_CLIENT_SECRET": CLIENT_SECRET,
            "GITHUB_AUTHORIZE_URL": f"{self.url}/login/oauth/authorize",
            "GITHUB_TOKEN_URL": f"{self.url}/login/oauth/access_token",
            "GITHUB_API_URL": f"{self.url}/api/v3",
        }

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = {
            "/login/oauth/authorize": ("GET", self._authorize),
            "/login/oauth/access_token": ("POST", self._access_token),
            "/api/v3/user": ("GET", self._user),
            "/api/v3/user/emails": ("GET", self._emails),
        }
        return Starlette(
            routes=[
                Route(path, self._watched(path, answer), methods=[method]) for path, (method, answer) in routes.items()
            ]
        )

    def _watched(self, path: str, answer: Answer) -> Answer:
        async def watched(request: Request) -> Response:
            form = parse_qs((await request.body()).decode())
            self.asked.append((path, dict(request.headers), {name: values[0] for name, values in form.items()}))
            return await self.faults.get(path, answer)(request)

        return watched

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        redirect_uri, state = asked.get("redirect_uri", self.callback_url), asked.get("state", "")
        if asked.get("client_id") != CLIENT_ID:
            return PlainTextResponse("Not Found", 404)
        if not self._is_registered(redirect_uri):
            return self._back(self.callback_url, state, error="redirect_uri_mismatch")
        if self.browser_user is None:
            return self._back(redirect_uri, state, error="access_denied")
        code = self.ids.bytes(10).hex()
        challenge = asked.get("code_challenge")
        if challenge is not None and (asked.get("code_challenge_method") != "S256" or len(challenge) != 43):
            return PlainTextResponse("code_challenge_method must be S256", 400)
        self._codes[code] = _Grant(
            user=self.browser_user,
            redirect_uri=redirect_uri,
            scopes=tuple(asked.get("scope", "").replace(",", " ").split()),
            challenge=challenge,
            expires_at=self.clock.now() + CODE_LIFE,
        )
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 302)

    def _is_registered(self, redirect_uri: str) -> bool:
        """Host and port as registered, the path below the registered one."""
        given, registered = urlsplit(redirect_uri), urlsplit(self.callback_url)
        return given.netloc == registered.netloc and given.path.startswith(registered.path)

    def _back(self, redirect_uri: str, state: str, *, error: str) -> Response:
        query = {"error": error, "error_description": _ERRORS[error], "error_uri": "/apps/#" + error, "state": state}
        return RedirectResponse(f"{redirect_uri}?{urlencode(query)}", 302)

    async def _access_token(self, request: Request) -> Response:
        form = self.asked[-1][2]
        answer = self._exchanged(form)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(answer)
        return PlainTextResponse(urlencode(answer), media_type="application/x-www-form-urlencoded")

    def _exchanged(self, form: Mapping[str, str]) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _error("incorrect_client_credentials")
        grant = self._codes.pop(form.get("code", ""), None)
        if grant is None or grant.expires_at <= self.clock.now():
            return _error("bad_verification_code")
        if form.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            return _error("redirect_uri_mismatch")
        if grant.challenge is not None and grant.challenge != _s256(form.get("code_verifier", "")):
            return _error("bad_verification_code")
        token = "gho_" + self.ids.bytes(18).hex()
        self.tokens[token] = grant
        return {"access_token": token, "scope": ",".join(grant.scopes), "token_type": "bearer"}

    async def _user(self, request: Request) -> Response:
        grant = self._grant(request)
        if isinstance(grant, Response):
            return grant
        user = grant.user
        public = {"login": user.login, "id": user.id, "node_id": "MDQ6VXNlcjE=", "type": "User", "name": user.name}
        return JSONResponse({**public, "email": None, "bio": None}, headers={"x-oauth-scopes": ", ".join(grant.scopes)})

    async def _emails(self, request: Request) -> Response:
        grant = self._grant(request)
        if isinstance(grant, Response):
            return grant
        if not {"user", "user:email"}.intersection(grant.scopes):
            return _message(404, "Not Found")
        return JSONResponse(grant.user.emails)

    def _grant(self, request: Request) -> "_Grant | Response":
        if not request.headers.get("user-agent"):
            return _message(403, "Request forbidden by administrative rules. Please make sure it has a User-Agent.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.tokens.get(token)
        if scheme.lower() not in ("bearer", "token") or grant is None:
            return _message(401, "Bad credentials")
        return grant


@asynccontextmanager
async def github_on_loopback(*, clock: Clock, ids: Ids) -> AsyncIterator[GithubServer]:
    """Serves until left, on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    github = GithubServer(url=f"http://127.0.0.1:{listener.getsockname()[1]}", clock=clock, ids=ids)
    config = uvicorn.Config(github.app(), lifespan="off", log_level="critical", access_log=False)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield github
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _error(word: str) -> dict[str, str]:
    return {"error": word, "error_description": _ERRORS[word], "error_uri": f"{DOCUMENTATION}#{word}"}


def _message(status: int, message: str) -> Response:
    return JSONResponse({"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}, status)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
