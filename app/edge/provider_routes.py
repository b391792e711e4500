"""GET /auth/<provider>/login and /auth/<provider>/callback: a browser's way to GitHub or LinkedIn and back.

The callback answers a person, not a program: whatever happens, the browser goes on to a page, with the tokens or the
refusal in the fragment (source C), which no server and no Referer sees.
"""

from math import ceil
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from app.accounts.model import Admission, Origin
from app.edge.cookies import AwayCookie
from app.edge.return_to import checked_return
from app.edge.visit import AuthPayload, Visit, Visits
from app.errors import Code, Problem
from app.origins import allowed_origins
from app.social.departures import Departure, Pending
from app.social.model import Provider
from app.tokens import ACCESS_TTL

if TYPE_CHECKING:
    from app.wiring import Services

ARRIVAL = "/auth/callback"
"""The page of the web client on which a browser arrives when no page of an application asked for it."""


class SignInThere(Protocol):
    """What a provider's service does for its two routes; each method says there what it raises."""

    def require_set_up(self) -> None:
        """Raises Problem(NOT_FOUND) where it is not set up."""

    async def begin(self, *, redirect_uri: str, return_to: str, origin: Origin) -> Departure:
        """Remembers the browser and says where it goes."""

    async def take(self, *, state: str, browser: str | None, origin: Origin) -> Pending:
        """What was decided when this browser left, once."""

    async def sign_in(self, pending: Pending, *, code: str, origin: Origin) -> Admission:
        """Opens a session for whom the code stands for."""

    def denied(self, error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""


class ProviderRoutes:
    """The two routes of one provider."""

    def __init__(self, services: "Services", provider: Provider, service: SignInThere) -> None:
        self._provider = provider
        self._service = service
        self._visits = Visits(services)
        self._own_url = services.settings.public_url
        self._origins = allowed_origins(services.settings)

    def routes(self) -> list[Route]:
        """For the application's route table."""
        return [
            Route(login_path(self._provider), self.login, methods=["GET"]),
            Route(self._callback_path, self.callback, methods=["GET"]),
        ]

    async def login(self, request: Request) -> RedirectResponse:
        """Send the browser there; `return_to` is where it ends up, `redirect_uri` a page that finishes itself."""
        visit = self._visits.begin(request)
        departure = await self._service.begin(
            redirect_uri=self._checked(request, "redirect_uri", otherwise=self._callback_path),
            return_to=self._checked(request, "return_to", otherwise=ARRIVAL),
            origin=visit.origin,
        )
        visit.set_cookies.append(away_cookie(visit, self._provider).write(departure.browser))
        return _sent_on(departure.url, visit)

    async def callback(self, request: Request) -> RedirectResponse:
        """Finish what `login` began, and send the browser on."""
        self._service.require_set_up()
        visit = self._visits.begin(request)
        return_to = self._own_url + ARRIVAL
        try:
            state, code, error = (_only(request, name) for name in ("state", "code", "error"))
            pending = await back_from(visit, self._provider, self._service, state)
            return_to = pending.return_to
            if error:
                raise self._service.denied(error)
            admission = await self._service.sign_in(pending, code=code, origin=visit.entering_origin)
            told = _handed(visit.hand_over(admission, held_by_cookie=True))
        except Problem as problem:
            told = _refused(problem)
        return _sent_on(f"{return_to}#{urlencode(told)}", visit)

    @property
    def _callback_path(self) -> str:
        return f"/auth/{self._provider.value.lower()}/callback"

    def _checked(self, request: Request, name: str, *, otherwise: str) -> str:
        given = _only(request, name)
        if not given:
            return self._own_url + otherwise
        return checked_return(given, own_url=self._own_url, origins=self._origins, field=name)


def routes(services: "Services") -> list[Route]:
    """The routes of GitHub and of every provider that wants a code traded."""
    there: dict[Provider, SignInThere] = {Provider.GITHUB: services.github, **services.code_sign_ins}
    return [
        route for provider, service in there.items() for route in ProviderRoutes(services, provider, service).routes()
    ]


def login_path(provider: Provider) -> str:
    """Where a button leads."""
    return f"/auth/{provider.value.lower()}/login"


async def back_from(visit: Visit, provider: Provider, service: SignInThere, state: str) -> Pending:
    """What this browser left with, once; its mark is forgotten whatever comes of it. Raises Problem as `take` does."""
    cookie = away_cookie(visit, provider)
    visit.set_cookies.append(cookie.clear())
    return await service.take(state=state, browser=cookie.read(visit.caller.cookies), origin=visit.origin)


def away_cookie(visit: Visit, provider: Provider) -> AwayCookie:
    """The cookie by which the browser of this visit is known while it is away."""
    return AwayCookie(provider, secure=visit.services.settings.secure_cookies)


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
