"""Media types of GraphQL over HTTP."""

import pytest
from starlette.datastructures import Headers

from app.edge.json_bodies import JSON, check_body_type
from app.errors import Problem
from app.graphql.negotiation import GRAPHQL_RESPONSE, answer_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE};q=0.9", JSON),
        (f"{GRAPHQL_RESPONSE};q=0, {JSON}", JSON),
        ("text/html, */*;q=0.1", JSON),
        ("APPLICATION/JSON", JSON),
        ("text/html", None),
        (f"{JSON};q=0", None),
        (f"{JSON};charset=iso-8859-1", None),
        (f"{JSON};q=bad", None),
        ("multipart/mixed;deferSpec=20220824", None),
        (";;;,,,=\r\n\x00", None),
        ("a" * 5000, None),
    ],
)
def test_the_answer_comes_in_a_type_the_client_takes(accept: str | None, expected: str | None) -> None:
    """A client would be handed an answer that it cannot read, or refused one that it can."""
    assert answer_type(accept) == expected


@pytest.mark.parametrize(
    "content_type", [JSON, f"{JSON}; charset=utf-8", f'{JSON}; charset="UTF-8"', "Application/JSON"]
)
def test_json_is_read(content_type: str) -> None:
    """No client could send anything."""
    check_body_type(Headers({"content-type": content_type}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": f"multipart/form-data; x={JSON}"},
        {"content-type": "application/graphql"},
        {"content-type": f"{JSON}; charset=utf-16"},
        {"content-type": f"text/plain, {JSON}"},
        {"content-type": JSON, "content-encoding": "gzip"},
    ],
)
def test_nothing_else_is_read(headers: dict[str, str]) -> None:
    """A foreign page may send the first three without asking: it could act for whoever visits it."""
    with pytest.raises(Problem, match="application/json"):
        check_body_type(Headers(headers))
