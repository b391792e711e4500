"""Security headers on every HTTP answer."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
_HSTS = "max-age=63072000; includeSubDomains"  # two years, the span that browsers' preload lists ask for


class SecurityHeaders:
    """Adds each header that the answer did not set itself; HSTS only in production (development has no TLS)."""

    def __init__(self, app: ASGIApp, *, production: bool) -> None:
        self._app = app
        headers = {**_ALWAYS, **({"strict-transport-security": _HSTS} if production else {})}
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                message["headers"] = given + [header for header in self._headers if header[0] not in names]
            await send(message)

        await self._app(scope, receive, hardened)
