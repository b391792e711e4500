"""The GET paths of the server itself as openapi.json shows them; app/edge/health.py and its neighbours serve them."""

from typing import Any

from app.edge.json_bodies import JSON

Document = dict[str, Any]


def _path(name: str, summary: str, responses: Document, **more: Any) -> Document:
    return {"get": {"operationId": name, "tags": ["server"], "summary": summary, "responses": responses, **more}}


def _json(description: str, schema: Document) -> Document:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _object(properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


_TEXT: Document = {"type": "string"}
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

SERVER_PATHS: Document = {
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
            "401": {"$ref": "#/components/responses/UNAUTHENTICATED"},
            "403": {"$ref": "#/components/responses/FORBIDDEN"},
        },
        description="With METRICS_TOKEN for whoever has it; without one only for the machine itself.",
        security=[{"metrics": []}, {}],
    ),
    "/openapi.json": _path("openapi", "This document.", {"200": _json("OpenAPI 3.1.", {"type": "object"})}),
}
