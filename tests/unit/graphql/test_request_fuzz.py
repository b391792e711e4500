"""Ten thousand damaged requests against what reads them before anything is executed."""

import json
import random
from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_operation_ast
from graphql.execution.values import get_variable_values

from app.edge.json_bodies import parsed
from app.errors import Code, Problem
from app.graphql.errors import formatted
from app.graphql.handler import parameters_of
from app.graphql.limits import DocumentLimits, Documents
from app.graphql.schema import load_schema
from tests.damage import damaged

MUTATIONS = 10_000
SCHEMA = load_schema()
FRAME = {"step": "BLINK", "frame": "/9j/4AAQSkZJRgABAQ==", "capturedAtMs": 1234}
REQUESTS: dict[str, dict[str, Any]] = {
    "mutation ($input: SignupInput!) { signup(input: $input) { isNewUser } }": {
        "input": {"email": "ada@example.org", "password": "swordfish", "username": "ada", "displayName": "Ada"}
    },
    "mutation ($input: ProfileInput!) { updateProfile(input: $input) { id } }": {
        "input": {
            "bio": "Ada \U0001f469\u200d\U0001f4bb",
            "skillIds": ["0193-a"],
            "contactLinks": [{"kind": "web", "url": "https://ada.example.org"}],
            "privacy": {"visibility": "FRIENDS", "ghostMode": True},
        }
    },
    "mutation ($input: OnboardingInput, $role: String) "
    "{ completeOnboarding(input: $input, primaryRole: $role) { id } }": {
        "input": {"persona": "BUILDER", "timezone": "Europe/Lisbon", "skillIds": []},
        "role": "engineer",
    },
    "mutation ($token: String!, $frame: String!, $evidence: [StepFrame!]) "
    "{ confirmLiveness(token: $token, frame: $frame, evidence: $evidence) { success } }": {
        "token": "t",
        "frame": FRAME["frame"],
        "evidence": [FRAME, FRAME],
    },
    "query ($query: String!, $first: Int, $after: String) "
    "{ searchUsers(query: $query, first: $first, after: $after) { nodes { id } } }": {
        "query": "ada",
        "first": 20,
        "after": "WzAsImFkYSJd",
    },
}


def refused(documents: Documents, raw: bytes) -> bool:
    """Whether the request is refused before it is executed, as everybody's is who sends what cannot be."""
    try:
        parameters = parameters_of(parsed(raw, "The body"))
    except Problem as problem:
        assert problem.code in (Code.BAD_USER_INPUT, Code.PAYLOAD_TOO_LARGE), raw  # noqa: PT017 - a good outcome
        return True
    prepared = documents.prepare(parameters.query)
    errors = list(prepared.errors)
    if prepared.document is not None and not errors:
        operation = get_operation_ast(prepared.document, parameters.operation_name)
        assert isinstance(operation, OperationDefinitionNode)
        values = get_variable_values(
            SCHEMA, operation.variable_definitions or (), parameters.variables or {}, max_errors=20
        )
        errors += values if isinstance(values, list) else []
    for error in errors:
        told = formatted(error, request_id="r", document=prepared.document)
        assert told["extensions"]["code"] == Code.BAD_USER_INPUT, raw
    return bool(errors)


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, limits=DocumentLimits(), introspection=False)


@pytest.mark.parametrize(("query", "variables"), REQUESTS.items())
def test_the_requests_are_good_until_they_are_damaged(
    documents: Documents, query: str, variables: dict[str, Any]
) -> None:
    """The next test would damage what is refused anyway, and prove nothing."""
    assert not refused(documents, json.dumps({"query": query, "variables": variables}).encode())


def test_damaged_variables_are_refused_or_read_and_nothing_else(documents: Documents) -> None:
    """One odd byte among the variables would be a fault of ours, and a line in somebody's pager."""
    rng = random.Random(20261121)
    outcomes = []
    for number in range(MUTATIONS):
        query, variables = rng.choice(list(REQUESTS.items()))
        damage = damaged(rng, json.dumps(variables, ensure_ascii=number % 2 == 0).encode())
        outcomes.append(refused(documents, b'{"query":%b,"variables":%b}' % (json.dumps(query).encode(), damage)))
    assert 0.5 * MUTATIONS < sum(outcomes) < 0.99 * MUTATIONS
