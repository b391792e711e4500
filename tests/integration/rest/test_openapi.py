"""openapi.json: valid, complete, and true of the routes that are served."""

from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.routing import Route

from app.edge.client_files import FILES, PREFIX
from app.edge.rest import models
from app.edge.rest.server_paths import SERVER_PATHS
from app.edge.web import page_routes
from app.main import create_app
from app.wiring import Services
from tests.serving import Visitor

# Served, and described elsewhere: pages for people, GraphQL, the local object store.
NOT_REST = {
    "/graphql",
    "/schema.graphql",
    "/objects/{key:path}",
    "/client/config",
    "/client/liveness-policy",
    "/dev/outbox",
    "/dev/embed",
    "/assets/{name}",
    "/embed/{name}",
    *(f"{PREFIX}{name}" for name in FILES),
    *(route.path for route in page_routes()),
}


@pytest.fixture
async def described(visitor: Visitor) -> dict[str, Any]:
    answer = await visitor.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def test_what_is_served_is_described_and_the_other_way_round(
    described: dict[str, Any], services: Services
) -> None:
    """A developer would call what is not there, or not find what is."""
    routes = [route for route in create_app(services).routes if isinstance(route, Route)]
    served = {
        (method, route.path)
        for route in routes
        for method in (route.methods or ())
        if route.path not in NOT_REST and method != "HEAD"
    }
    assert set(operations(described)) == served


async def test_it_is_what_openapi_3_1_says(described: dict[str, Any]) -> None:
    """Tools would refuse to read it. The schema is the OpenAPI Initiative's own, which schemathesis carries."""
    OPENAPI_31_VALIDATOR.validate(described)


async def test_every_schema_is_one_and_is_used(described: dict[str, Any]) -> None:
    """A generated client would fail to build, or carry what nothing uses."""
    schemas = described["components"]["schemas"]
    text = str(described)
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert f"'#/components/schemas/{name}'" in text, f"{name} is used nowhere"
        assert schema["description"], name
        for field, rule in schema.get("properties", {}).items():
            assert rule.get("description") or "$ref" in rule, f"{name}.{field} says nothing"
    declared = {model.__name__ for base in (models.Body, models.Answer) for model in base.__subclasses__()}
    made = {name for name, schema in schemas.items() if schema["type"] == "object"}
    assert declared == made, "a model that no operation reaches, or one that is missing"


async def test_every_operation_says_what_it_needs_and_answers(described: dict[str, Any]) -> None:
    """A developer would learn of a refusal only in production."""
    names = [operation["operationId"] for operation in operations(described).values()]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in described["tags"]}
    responses = described["components"]["responses"]
    for (method, path), operation in operations(described).items():
        where = f"{method} {path}"
        assert operation["summary"].endswith("."), where
        assert set(operation["tags"]) <= tags, where
        if path in SERVER_PATHS:
            continue
        assert {"200", "500", "503"} <= set(operation["responses"]), where
        if "requestBody" in operation:
            assert {"400", "408", "413", "415"} <= set(operation["responses"]), where
        if {"bearer": []} in operation["security"] and {} not in operation["security"]:
            assert "401" in operation["responses"], where
        for scheme in (name for needed in operation["security"] for name in needed):
            assert scheme in described["components"]["securitySchemes"], where
        for status, response in operation["responses"].items():
            if status != "200":
                assert response["$ref"].removeprefix("#/components/responses/") in responses, where


async def test_the_examples_are_what_the_schemas_say(described: dict[str, Any]) -> None:
    """A developer would copy a request that is refused."""
    checked = 0
    for schema in described["components"]["schemas"].values():
        for rule in schema.get("properties", {}).values():
            for example in rule.get("examples", ()):
                jsonschema_rs.validate(rule, example)
                checked += 1
    assert checked > 10
