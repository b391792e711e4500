"""GET /openapi.json: OpenAPI 3.1, made from the same operations as the routes, so that the two cannot differ."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from app.edge.cookies import SessionCookies
from app.edge.json_bodies import JSON
from app.edge.problems import MEDIA_TYPE as PROBLEM_JSON
from app.edge.rest.models import ProblemOut
from app.edge.rest.operations import Operation
from app.edge.rest.server_paths import SERVER_PATHS, Document
from app.errors import MEANINGS, Code

_REF = "#/components/schemas/{model}"

_ABOUT = """
Bonafide's REST edge: campus accounts, sessions, the profile and its photo, sign-in with the face. Everything else, and
the same again, is served at POST /graphql (schema.graphql).

Errors are problem documents (RFC 9457) with a `code` that is the same word as in GraphQL. Bodies are JSON in UTF-8; an
unknown field is refused. An access token (15 minutes) goes into `Authorization: Bearer`. The refresh token (7 days,
rotated at each use) is kept by browsers in an httpOnly cookie, which counts only together with the X-CSRF-Token header
and an allowed Origin; a client without cookies asks for it in the body with `X-Token-Delivery: body`.
"""

_GROUPS = {
    "auth": "Registering, proving an address, signing in and out.",
    "profile": "One's own profile and its photo.",
    "api": "Signing in with the face.",
    "server": "How the server is, and what other services read.",
}

_TOKEN_DELIVERY = {
    "name": "X-Token-Delivery",
    "in": "header",
    "required": False,
    "description": "`body` asks for the refresh token in the answer; with anything else it is set as a cookie.",
    "schema": {"type": "string", "examples": ["body"]},
}


class _Schemas(GenerateJsonSchema):
    """Without titles that repeat names, and without the default by which a model marks what may be absent, not null."""

    def field_title_should_be_set(self, _: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Any:
        shown = super().default_schema(schema)
        if shown.get("default", ...) is None:
            del shown["default"]
        return shown


def document(operations: Iterable[Operation], *, server_url: str, cookies: SessionCookies) -> Document:
    """The whole description; GET paths of the server itself stand beside the operations."""
    operations = tuple(operations)
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (ProblemOut.__name__, "serialization", TypeAdapter(ProblemOut))
    ]
    for operation in operations:
        adapters.append((f"{operation.name} answer", "serialization", operation.answer))
        if operation.body is not None:
            adapters.append((f"{operation.name} body", "validation", TypeAdapter(operation.body)))
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_REF, schema_generator=_Schemas)
    schemas = {name: schema for (name, _), schema in found.items()}
    paths: dict[str, Document] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bonafide",
            "version": version("bonafide"),
            "description": cleandoc(_ABOUT),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server_url}],
        "tags": [{"name": name, "description": text} for name, text in _GROUPS.items()],
        "paths": {**paths, **SERVER_PATHS},
        "components": {
            "schemas": definitions["$defs"],
            "responses": {code.value: _problem(code) for code in _answered(operations)},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token.",
                },
                "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where it is set."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookies.refresh_name,
                    "description": "A browser's refresh token; acts only with `csrf`, from an allowed Origin.",
                },
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-CSRF-Token",
                    "description": f"The value of the cookie `{cookies.csrf_name}`.",
                },
            },
        },
    }


def _operation(operation: Operation, schemas: Mapping[str, Document]) -> Document:
    summary, _, more = cleandoc(operation.handler.__doc__ or "").partition("\n\n")
    described: Document = {
        "operationId": operation.name,
        "tags": [operation.path.split("/")[1]],
        "summary": summary,
        "security": [{"bearer": []}] if operation.signed_in else [],
        "responses": {
            "200": {"description": "Done.", "content": {JSON: {"schema": schemas[f"{operation.name} answer"]}}},
            **{str(MEANINGS[code].status): {"$ref": f"#/components/responses/{code}"} for code in operation.problems},
        },
    }
    if more:
        described["description"] = more
    if operation.query is not None:
        described["parameters"] = _query(operation.query)
    if operation.seen_by_cookie:
        described["security"] = [{"bearer": []}, {"cookie": []}, {}]
    if operation.by_cookie:
        described["security"] = [{"cookie": [], "csrf": []}, {}]
    if operation.hands_over:
        described["parameters"] = [_TOKEN_DELIVERY]
        described["responses"]["200"]["headers"] = {
            "Set-Cookie": {"description": "The refresh token and the CSRF token.", "schema": {"type": "string"}}
        }
    if operation.leads_to:
        described["responses"]["200"]["links"] = {
            link.operation: {"operationId": link.operation, "requestBody": dict(link.body)}
            for link in operation.leads_to
        }
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.is_body_optional,
            "content": {JSON: {"schema": schemas[f"{operation.name} body"]}},
        }
    return described


def _query(model: type[BaseModel]) -> list[Document]:
    schema = model.model_json_schema(schema_generator=_Schemas)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": rule.pop("description"),
            "schema": rule,
        }
        for name, rule in schema["properties"].items()
    ]


def _answered(operations: Iterable[Operation]) -> list[Code]:
    answered = {code for operation in operations for code in operation.problems}
    return [code for code in MEANINGS if code in answered]


def _problem(code: Code) -> Document:
    response: Document = {
        "description": MEANINGS[code].title,
        "content": {PROBLEM_JSON: {"schema": {"$ref": _REF.format(model=ProblemOut.__name__)}}},
    }
    if code in (Code.RATE_LIMITED, Code.BUSY):
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
        }
    if code is Code.UNAUTHENTICATED:
        response["headers"] = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
    return response
