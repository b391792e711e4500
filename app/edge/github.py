"""GET /auth/github/login and /auth/github/callback: a browser's way to GitHub and back.

The callback answers a person, not a program: whatever happens, the browser goes on to a page, with the tokens or the
refusal in the fragment (source C), which no server and no Referer sees.
"""

from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from app.edge.cookies import GithubCookie
from app.edge.return_to import checked_return
from app.edge.visit import AuthPayload, Visit, Visits
from app.errors import Code, Problem
from app.origins import allowed_origins
from app.social.github import denied
from app.social.github_pending import Pending
from app.tokens import ACCESS_TTL

if TYPE_CHECKING:
    from app.wiring import Services

LOGIN = "/auth/github/login"
CALLBACK = "/auth/github/callback"
ARRIVAL = "/auth/callback"
"""The page of the web client on which a browser arrives when no page of an application asked for it."""


class GithubRoutes:
    """The two routes."""

    def __init__(self, services: "Services") -> None:
        self._github = services.github
        self._visits = Visits(services)
        self._own_url = services.settings.public_url
        self._origins = allowed_origins(services.settings)

    def routes(self) -> list[Route]:
        """For the application's route table."""
        return [
            Route(LOGIN, self.login, methods=["GET"]),
            Route(CALLBACK, self.callback, methods=["GET"]),
        ]

    async def login(self, request: Request) -> RedirectResponse:
        """Send the browser to GitHub; `return_to` is where it ends up, `redirect_uri` a page that finishes itself."""
        visit = self._visits.begin(request)
        departure = await self._github.begin(
            redirect_uri=self._checked(request, "redirect_uri", otherwise=CALLBACK),
            return_to=self._checked(request, "return_to", otherwise=ARRIVAL),
            origin=visit.origin,
        )
        visit.set_cookies.append(github_cookie(visit).write(departure.browser))
        return _sent_on(departure.url, visit)

    async def callback(self, request: Request) -> RedirectResponse:
        """Finish what `login` began, and send the browser on."""
        self._github.require_set_up()
        visit = self._visits.begin(request)
        return_to = self._own_url + ARRIVAL
        try:
            state, code, error = (_only(request, name) for name in ("state", "code", "error"))
            pending = await back_from_github(visit, state)
            return_to = pending.return_to
            if error:
                raise denied(error)
            admission = await self._github.sign_in(pending, code=code, origin=visit.entering_origin)
            told = _handed(visit.hand_over(admission, held_by_cookie=True))
        except Problem as problem:
            told = _refused(problem)
        return _sent_on(f"{return_to}#{urlencode(told)}", visit)

    def _checked(self, request: Request, name: str, *, otherwise: str) -> str:
        given = _only(request, name)
        if not given:
            return self._own_url + otherwise
        return checked_return(given, own_url=self._own_url, origins=self._origins, field=name)


def routes(services: "Services") -> list[Route]:
    """GET /auth/github/login and GET /auth/github/callback."""
    return GithubRoutes(services).routes()


async def back_from_github(visit: Visit, state: str) -> Pending:
    """What this browser left with, once; its mark is forgotten whatever comes of it. Raises Problem as `take` does."""
    cookie = github_cookie(visit)
    visit.set_cookies.append(cookie.clear())
    return await visit.services.github.take(state=state, browser=cookie.read(visit.caller.cookies), origin=visit.origin)


def github_cookie(visit: Visit) -> GithubCookie:
    """The cookie by which the browser of this visit is known while it is away."""
    return GithubCookie(secure=visit.services.settings.secure_cookies)


def _handed(payload: AuthPayload) -> dict[str, str]:
    if payload.requires_two_factor:
        return {"temp_token": payload.temp_token or "", "requires_two_factor": "true"}
    return {
        "access_token": payload.access_token or "",
        "token_type": "Bearer",
        "expires_in": str(int(ACCESS_TTL.total_seconds())),
        "is_new_user": str(payload.is_new_user).lower(),
    }


def _refused(problem: Problem) -> dict[str, str]:
    """The words of OAuth's own error answers (RFC 6749, 4.1.2.1), with our code in them."""
    told = {"error": problem.code.value, "error_description": problem.detail}
    if problem.reason is not None:
        told["reason"] = problem.reason
    if problem.retry_after_s is not None:
        told["retry_after"] = str(ceil(problem.retry_after_s))
    return told


def _only(request: Request, name: str) -> str:
    """The parameter, empty when it is not there; raises Problem(BAD_USER_INPUT) when it is there twice."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Problem(Code.BAD_USER_INPUT, f"`{name}` came more than once.", field=name)
    return values[0] if values else ""


def _sent_on(url: str, visit: Visit) -> RedirectResponse:
    response = RedirectResponse(url, 303, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"})
    for cookie in visit.set_cookies:
        response.headers.append("set-cookie", cookie)
    return response
