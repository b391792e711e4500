"""A LinkedIn on loopback: its two endpoints and its keys, as its documentation and its users describe them.

Codes are good once, for half an hour, for the client and redirect_uri they were made for; redirect addresses are
registered letter by letter; a `code_verifier` beside the secret is refused; ID tokens carry no nonce and write
`email_verified` as a text.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app.clock import Clock
from app.ids import Ids
from tests.openid import Minter

AUTHORIZE = "/oauth/v2/authorization"
TOKEN = "/oauth/v2/accessToken"
KEYS = "/oauth/openid/jwks"
CLIENT_ID = "86vhj2q7ukf83q"
CLIENT_SECRET = "WPL_AP1.0123456789abcdef.c2VjcmV0"
CODE_LIFE = timedelta(minutes=30)
_MISMATCH = (
    "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. "
    "Or authorization code expired. Or external member binding exists"
)

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class _Grant:
    claims: Mapping[str, Any]
    redirect_uri: str
    expires_at: datetime


@dataclass
class LinkedInServer:
    """`member` are the claims of who is signed in there in the browser that comes; None presses "Cancel".

    `faults` answers in place of a path; `asked` keeps each request's path and form; tokens are signed with
    `signing_key` where there is one, else with the published `key`.
    """

    url: str
    clock: Clock
    ids: Ids
    key: RSAKey | ECKey
    issuer: str = "https://www.linkedin.com/oauth"
    redirect_uris: frozenset[str] = frozenset()
    member: Mapping[str, Any] | None = None
    signing_key: RSAKey | ECKey | None = None
    faults: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    _codes: dict[str, _Grant] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a Bonafide that uses this LinkedIn."""
        return {
            "LINKEDIN_CLIENT_ID": f"{CLIENT_ID},our-phone-app",
            "LINKEDIN_CLIENT_SECRET": CLIENT_SECRET,
            "LINKEDIN_AUTHORIZE_URL": f"{self.url}{AUTHORIZE}",
            "LINKEDIN_TOKEN_URL": f"{self.url}{TOKEN}",
            "LINKEDIN_JWKS_URL": f"{self.url}{KEYS}",
        }

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = {AUTHORIZE: ("GET", self._authorize), TOKEN: ("POST", self._token), KEYS: ("GET", self._keys)}
        return Starlette(
            routes=[
                Route(path, self._watched(path, answer), methods=[method]) for path, (method, answer) in routes.items()
            ]
        )

    def _watched(self, path: str, answer: Answer) -> Answer:
        async def watched(request: Request) -> Response:
            form = parse_qs((await request.body()).decode())
            self.asked.append((path, {name: values[0] for name, values in form.items()}))
            return await self.faults.get(path, answer)(request)

        return watched

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        redirect_uri, state = asked.get("redirect_uri", ""), asked.get("state", "")
        if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
            return PlainTextResponse("Bummer, something went wrong.", 400)
        if redirect_uri not in self.redirect_uris or "openid" not in asked.get("scope", "").split():
            return PlainTextResponse("The redirect_uri does not match the registered value", 400)
        if self.member is None:
            told = {"error": "user_cancelled_authorize", "error_description": "The user cancelled the authorization"}
            return RedirectResponse(f"{redirect_uri}?{urlencode({**told, 'state': state})}", 302)
        code = "AQ" + self.ids.bytes(60).hex()
        self._codes[code] = _Grant(self.member, redirect_uri, self.clock.now() + CODE_LIFE)
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 302)

    async def _token(self, _: Request) -> Response:
        form = self.asked[-1][1]
        is_ours = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not is_ours or "code_verifier" in form:
            return _error(401, "invalid_client", "Client authentication failed")
        grant = self._codes.pop(form.get("code", ""), None)
        if form.get("grant_type") != "authorization_code" or grant is None or grant.expires_at <= self.clock.now():
            return _error(400, "invalid_request", _MISMATCH)
        if form.get("redirect_uri") != grant.redirect_uri:
            return _error(400, "invalid_redirect_uri", _MISMATCH)
        token = Minter(self.issuer, CLIENT_ID, self.key, self.clock).token(key=self.signing_key, **grant.claims)
        return JSONResponse(
            {
                "access_token": "AQV" + self.ids.bytes(120).hex(),
                "expires_in": 5184000,
                "scope": "email,openid,profile",
                "token_type": "Bearer",
                "id_token": token,
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


def member(**claims: Any) -> dict[str, Any]:
    """What LinkedIn says of Ada; a claim given as None is left out."""
    return {"sub": "782bbtaQ", "email": "ada@example.org", "email_verified": "true", "name": "Ada Lovelace", **claims}


@asynccontextmanager
async def linkedin_on_loopback(*, clock: Clock, ids: Ids, key: RSAKey | ECKey) -> AsyncIterator[LinkedInServer]:
    """Serves until left, on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    linkedin = LinkedInServer(
        url=f"http://127.0.0.1:{listener.getsockname()[1]}", clock=clock, ids=ids, key=key, member=member()
    )
    config = uvicorn.Config(linkedin.app(), lifespan="off", log_level="critical", access_log=False)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield linkedin
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _error(status: int, word: str, description: str) -> Response:
    return JSONResponse({"error": word, "error_description": description}, status)
