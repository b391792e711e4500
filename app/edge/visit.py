"""One request's own, on every HTTP edge: the caller, who is signed in, and the cookies that leave with the answer.

What a session's tokens may do (cookie or body, CSRF, which session a sign-out means) is written here once, for
GraphQL and REST alike.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from app.accounts.model import Admission, Origin, SecondFactorNeeded, Viewer
from app.edge.cookies import DEVICE_BYTES, DeviceCookie, SessionCookies
from app.edge.csrf import Csrf
from app.edge.requests import Caller
from app.errors import Code, Problem

if TYPE_CHECKING:
    from app.wiring import Services


@dataclass(frozen=True, kw_only=True)
class AuthPayload:
    """What a client is told after signing in."""

    requires_two_factor: bool = False
    temp_token: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    access_expires_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)
    user: Viewer | None = None
    is_new_user: bool = False


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request's own; `set_cookies` leaves with the answer."""

    services: "Services"
    caller: Caller
    cookies: SessionCookies
    csrf: Csrf
    devices: DeviceCookie
    set_cookies: list[str] = field(default_factory=list)
    _device: str | None = None
    _device_is_fresh: bool = False
    _viewer: Viewer | None = None
    _looked: asyncio.Future[Viewer] | None = None

    @property
    def origin(self) -> Origin:
        """Where the request came from, as the services want to know it."""
        device = self._device or self.devices.read(self.caller.cookies)
        return Origin(
            ip=self.caller.ip,
            user_agent=self.caller.user_agent,
            device=device,
            device_is_fresh=self._device_is_fresh,
        )

    @property
    def entering_origin(self) -> Origin:
        """The same for whoever signs in, or begins something without an account: the browser is known from here on."""
        device = self._device or self.devices.read(self.caller.cookies)
        if self._device is None:
            self._device_is_fresh = device is None
            self._device = device or self.services.ids.token(DEVICE_BYTES)
            self.set_cookies.append(self.devices.write(self._device))
        return self.origin

    async def viewer(self) -> Viewer | None:
        """Who is signed in, None without an access token; raises Problem(UNAUTHENTICATED) for one that is not good.

        Fields that are answered side by side share one look at the token, good or not.
        """
        if self._viewer is not None or self.caller.bearer is None:
            return self._viewer
        if self._looked is not None:
            return await self._looked
        self._looked = asyncio.get_running_loop().create_future()
        try:
            self._viewer = await self.services.bearer_tokens.authenticate(self.caller.bearer, origin=self.origin)
        except Exception as error:
            self._looked.set_exception(error)
            self._looked.exception()  # marks it retrieved: perhaps nobody else asks
            raise
        self._looked.set_result(self._viewer)
        return self._viewer

    async def signed_in(self) -> Viewer:
        """Who is signed in; raises Problem(UNAUTHENTICATED) when nobody is."""
        viewer = await self.viewer()
        if viewer is None:
            raise Problem(Code.UNAUTHENTICATED, "Sign in first.")
        return viewer

    async def known_viewer(self) -> Viewer | None:
        """Who is signed in by the access token, or else by the cookie of a page of our own origin; only looks."""
        try:
            viewer = await self.viewer()
        except Problem as problem:
            if problem.code is not Code.UNAUTHENTICATED:
                raise
            viewer = None
        browser = self.cookies.read(self.caller.cookies)
        if viewer is not None or browser is None or not self.csrf.is_same_origin(self.caller):
            return viewer
        return await self.services.sessions.looked_up(browser.refresh_token, session_id=browser.session_id)

    def token_of_browser(self) -> str | None:
        """The refresh token of the cookie, if any; raises Problem(FORBIDDEN) unless a page of ours sent it."""
        session = self.cookies.read(self.caller.cookies)
        if session is None:
            return None
        self.csrf.check(self.caller, session_id=session.session_id, cookie_token=session.csrf_token)
        return session.refresh_token

    def hand_over(self, signed_in: Admission, *, held_by_cookie: bool = False) -> AuthPayload:
        """The AuthPayload, without tokens while a second factor is asked for.

        The refresh token goes into the cookie, or into the body where the request asked for it.
        What came by cookie goes back by cookie, whatever was asked: a script in the page may never read it.
        """
        if isinstance(signed_in, SecondFactorNeeded):
            return AuthPayload(requires_two_factor=True, temp_token=signed_in.temp_token)
        self._viewer = signed_in.viewer
        session_id = signed_in.viewer.session_id
        in_body = self.caller.wants_token_in_body and not held_by_cookie
        if not in_body:
            self.set_cookies += self.cookies.write(
                session_id=session_id,
                refresh_token=signed_in.refresh_token,
                csrf_token=self.csrf.issue(session_id),
                now=self.services.clock.now(),
                expires_at=signed_in.refresh_expires_at,
            )
        return AuthPayload(
            access_token=signed_in.access_token,
            access_expires_at=signed_in.access_expires_at,
            refresh_token=signed_in.refresh_token if in_body else None,
            user=signed_in.viewer,
            is_new_user=signed_in.is_new,
        )

    async def refresh(self, token: str | None) -> AuthPayload:
        """Hands over the successor of the token given, or of the cookie's.

        Raises Problem: UNAUTHENTICATED with the refusal as reason, FORBIDDEN for a cookie that no page of ours sent.
        """
        held = token if token is not None else self.token_of_browser()
        if held is None:
            raise Problem(Code.UNAUTHENTICATED, "There is no session to refresh. Sign in.", reason="NO_REFRESH_TOKEN")
        field = None if token is None else "token"
        refreshed = await self.services.sessions.refresh(held, field=field, origin=self.origin)
        return self.hand_over(refreshed, held_by_cookie=token is None)

    async def sign_out(self, token: str | None) -> bool:
        """Ends the session of the token given, of the cookie, or of the access token; True when one ended by it."""
        held = token if token is not None else self.token_of_browser()
        accounts = self.services.accounts
        ended = await accounts.logout(refresh_token=held, viewer=None, origin=self.origin)
        # The cookie may be of an older session than the access token beside it: who signs out means the one in use.
        if not ended and token is None:
            viewer = await self._holder_of_access_token(held)
            ended = await accounts.logout(refresh_token=None, viewer=viewer, origin=self.origin)
        if token is None:
            self.set_cookies += self.cookies.clear()
        return ended

    async def _holder_of_access_token(self, cookie_token: str | None) -> Viewer | None:
        """Who is signed in; beside a cookie an access token that is not good is no fault, only nobody."""
        try:
            return await self.viewer()
        except Problem as problem:
            if cookie_token is None or problem.code is not Code.UNAUTHENTICATED:
                raise
            return None


class Visits:
    """Begins the visit of each request."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._cookies = SessionCookies(secure=services.settings.secure_cookies)
        self._csrf = Csrf.of(services.settings, services.ids)
        self._devices = DeviceCookie(secure=services.settings.secure_cookies)

    def begin(self, connection: HTTPConnection) -> Visit:
        """A visit with nothing said yet; RequestContext must have run before."""
        return Visit(
            services=self._services,
            caller=Caller.of(connection),
            cookies=self._cookies,
            csrf=self._csrf,
            devices=self._devices,
        )
