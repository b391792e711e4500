"""What a client reads when something was refused."""

import logging
from typing import Any

import pytest
from graphql import DocumentNode, GraphQLResolveInfo, build_schema, execute, parse, validate

from app.errors import MEANINGS, Code, Problem
from app.graphql.errors import formatted

SCHEMA = build_schema(
    """
    enum Colour { RED }
    input Deep { address: String! }
    input Person { email: String! age: Int deep: Deep }
    type Query { person(input: Person, name: String!, colour: Colour, count: Int): Int! }
    """
)


def refusals(
    source: str, variables: dict[str, Any] | None = None, *, raising: BaseException | None = None, value: Any = 1
) -> list[dict[str, Any]]:
    """Runs a document as the handler does, and gives the entries that a client would read."""

    def resolve(_: GraphQLResolveInfo[None], **arguments: Any) -> Any:
        if raising is not None:
            raise raising
        return value

    document: DocumentNode = parse(source)
    errors = validate(SCHEMA, document, hide_suggestions=True)
    if not errors:
        result = execute(SCHEMA, document, {"person": resolve}, variable_values=variables, hide_suggestions=True)
        errors = list(result.errors or ())  # type: ignore[union-attr]  # the resolver is synchronous
    return [formatted(error, request_id="request-7", document=document) for error in errors]


@pytest.mark.parametrize(
    ("source", "variables", "field"),
    [
        ("{ person }", None, "name"),
        ("{ person(name: 3) }", None, "name"),
        ('{ person(name: "", input: { email: 3 }) }', None, "email"),
        ('{ person(name: "", input: { age: 3 }) }', None, "email"),
        ('{ person(name: "", input: { email: "", deep: { address: 1 } }) }', None, "address"),
        ('{ person(name: "", colour: BLUE) }', None, "colour"),
        ('{ person(name: "", nothing: 1) }', None, "nothing"),
        ("query ($n: String!) { person(name: $n) }", {"n": {"deep": 1}}, "name"),
        ("query ($n: String!) { person(name: $n) }", {}, "name"),
        ("query ($n: String = null) { person(name: $n) }", {"n": None}, None),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {"email": 3}}, "email"),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {}}, "email"),
        (
            'query ($i: Person) { person(name: "", input: $i) }',
            {"i": {"email": "", "deep": {"address": []}}},
            "address",
        ),
        ('query ($i: String!) { person(name: "", input: { email: $i }) }', {"i": 5}, "email"),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {"email": "", "pasword": ""}}, "pasword"),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {"email": "", "hunter 2": ""}}, "input"),
        ('query ($c: Int) { person(name: "", count: $c) }', {"c": 2**31}, "count"),
        ('query ($c: Colour) { person(name: "", colour: $c) }', {"c": "RDE"}, "colour"),
    ],
)
def test_a_wrong_argument_is_named(source: str, variables: dict[str, Any] | None, field: str | None) -> None:
    """A form could not put the message beside the input that is at fault."""
    first = refusals(source, variables)[0]
    assert first["extensions"]["code"] == "BAD_USER_INPUT"
    assert first["extensions"].get("field") == field


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {"email": {"password": "hunter2"}}}),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": {"pasword": "hunter2"}}),
        ('query ($i: Person) { person(name: "", input: $i) }', {"i": "hunter2"}),
        ("query ($n: String!) { person(name: $n) }", {"n": ["hunter2"]}),
        ('query ($c: Int) { person(name: "", count: $c) }', {"c": "hunter2"}),
        ('{ person(name: ["hunter2"]) }', None),
        ('{ person(name: "", input: {pasword: "hunter2"}) }', None),
    ],
)
def test_what_was_sent_is_not_sent_back(source: str, variables: dict[str, Any] | None) -> None:
    """A password typed into the wrong field would land in the error reports of the page that sent it."""
    for entry in refusals(source, variables):
        assert "hunter2" not in str(entry)
        assert "Did you mean" not in entry["message"]
        assert entry["message"].endswith(".")


def test_a_missing_field_says_what_is_missing() -> None:
    """`has invalid value` alone would leave the developer guessing."""
    entry = refusals('query ($i: Person) { person(name: "", input: $i) }', {"i": {}})[0]
    assert "include required field 'email'" in entry["message"]


def test_a_problem_is_told_whole() -> None:
    """A client could not say which field to correct, or when to try again."""
    problem = Problem(
        Code.RATE_LIMITED, "Wait.", field="email", retry_after_s=11.2, reason="email.login", suggestions=("ada7",)
    )
    entry = refusals('{ person(name: "") }', raising=problem)[0]
    assert entry["message"] == "Wait."
    assert entry["path"] == ["person"]
    assert entry["extensions"] == {
        "code": "RATE_LIMITED",
        "field": "email",
        "retryAfter": 12,
        "reason": "email.login",
        "suggestions": ("ada7",),
    }


@pytest.mark.parametrize(
    ("raising", "value"),
    [(RuntimeError("the secret is 42"), 1), (None, "the secret is 42"), (None, None), (RecursionError(), 1)],
    ids=["an exception", "a value of the wrong type", "a null that may not be", "recursion"],
)
def test_an_unexpected_error_says_nothing_but_the_request_id(
    raising: BaseException | None, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Internals would leak to whoever provokes a fault, or nobody would find the fault again."""
    with caplog.at_level(logging.ERROR):
        entry = refusals('{ person(name: "") }', raising=raising, value=value)[0]
    assert entry["extensions"] == {"code": "INTERNAL", "requestId": "request-7"}
    assert "secret" not in str(entry)
    assert len(caplog.records) == 1


def test_every_code_has_a_meaning_of_its_own() -> None:
    """A code without a status would break the REST answer or the socket's close."""
    assert set(MEANINGS) == set(Code)
    assert len({meaning.status for meaning in MEANINGS.values()}) == len(Code)
    assert all(meaning.title and 400 <= meaning.status < 600 for meaning in MEANINGS.values())
