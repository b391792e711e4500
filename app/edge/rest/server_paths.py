"""The GET paths beside the operations as openapi.json shows them; app/edge/health.py and its neighbours serve them."""

from typing import Any

from app.edge.json_bodies import JSON
from app.errors import MEANINGS, Code
from app.social.code_providers import CODE_PROVIDERS
from app.social.model import Provider

Document = dict[str, Any]


def _path(name: str, summary: str, responses: Document, *, tag: str = "server", **more: Any) -> Document:
    return {"get": {"operationId": name, "tags": [tag], "summary": summary, "responses": responses, **more}}


def _json(description: str, schema: Document) -> Document:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _object(properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _problem(*codes: Code) -> Document:
    return {str(MEANINGS[code].status): {"$ref": f"#/components/responses/{code}"} for code in codes}


def _query(**parameters: str) -> list[Document]:
    return [{"name": name, "in": "query", "description": text, "schema": _TEXT} for name, text in parameters.items()]


_TEXT: Document = {"type": "string"}
_ONWARD: Document = {
    "description": "The browser goes on.",
    "headers": {"Location": {"description": "Where to.", "schema": _TEXT}},
}
_READINESS = _object(
    {
        "status": {"enum": ["ready", "not ready"]},
        "checks": {
            "type": "object",
            "description": "`ok`, or what is wrong with the part.",
            "additionalProperties": _TEXT,
            "examples": [{"database": "ok", "redis": "ok", "storage": "ok", "mail": "ok", "models": "ok"}],
        },
    }
)
_KEYS = _object({"keys": {"type": "array", "items": {"type": "object"}}})


def _way_to(provider: Provider, *, finished_by: str) -> Document:
    """A browser's way to a provider and back (app/edge/provider_routes.py)."""
    path, shown = provider.value.lower(), provider.shown
    return {
        f"/auth/{path}/login": _path(
            f"{path}_login",
            f"Sends the browser to {shown}.",
            {
                "303": _ONWARD,
                **_problem(Code.BAD_USER_INPUT, Code.NOT_FOUND, Code.RATE_LIMITED, Code.INTERNAL, Code.BUSY),
            },
            tag="auth",
            parameters=_query(
                return_to="A page of an allowed origin, where the browser ends up with the tokens in the fragment.",
                redirect_uri=f"A page of an allowed origin that finishes by itself, with GraphQL's {finished_by}.",
            ),
        ),
        f"/auth/{path}/callback": _path(
            f"{path}_callback",
            "Sends the browser on, with the tokens or the refusal in the fragment.",
            {"303": _ONWARD, **_problem(Code.NOT_FOUND, Code.INTERNAL, Code.BUSY)},
            tag="auth",
            parameters=_query(
                code=f"{shown}'s code.",
                state="The state that the browser left with.",
                error=f"{shown}'s refusal.",
            ),
        ),
    }


SERVER_PATHS: Document = {
    **_way_to(Provider.GITHUB, finished_by="loginWithGithub or linkGithub"),
    **{path: way for provider in CODE_PROVIDERS for path, way in _way_to(provider, finished_by="linkByCode").items()},
    "/healthz": _path(
        "healthz", "Whether the process answers.", {"200": _json("It does.", _object({"status": {"const": "ok"}}))}
    ),
    "/readyz": _path(
        "readyz",
        "Whether everything that the server needs answers too.",
        {"200": _json("It does.", _READINESS), "503": _json("It does not; the checks name the fault.", _READINESS)},
    ),
    "/.well-known/jwks.json": _path(
        "jwks",
        "The public keys of our access tokens (RFC 7517), for services that verify them.",
        {"200": _json("The keys; none with TOKEN_ALG=HS256.", _KEYS)},
    ),
    "/metrics": _path(
        "metrics",
        "What the process counts and times, for Prometheus.",
        {
            "200": {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": _TEXT}}},
            **_problem(Code.UNAUTHENTICATED, Code.FORBIDDEN),
        },
        description="With METRICS_TOKEN for whoever has it; without one only for the machine itself.",
        security=[{"metrics": []}, {}],
    ),
    "/openapi.json": _path("openapi", "This document.", {"200": _json("OpenAPI 3.1.", {"type": "object"})}),
}
