"""Ten thousand damaged bodies against the reader of the REST edge."""

import json
import random
from typing import Any, get_args, get_origin

import pytest

from app.edge.rest.face_models import FaceUploadRequest
from app.edge.rest.models import Body
from app.edge.rest.operations import body_of, query_of
from app.edge.rest.routes import OPERATIONS
from app.edge.rest.session import SessionQuery
from app.errors import Code, Problem
from tests.damage import damaged

MUTATIONS = 10_000
BODIES = {operation.body for operation in OPERATIONS if operation.body is not None}


def example(model: type[Any]) -> dict[str, Any]:
    """A body of the model's own examples, nested models included."""
    return {name: _value(field.annotation, field.examples) for name, field in model.model_fields.items()}


def _value(annotation: Any, examples: list[Any] | None) -> Any:
    if get_origin(annotation) is list:
        return [_value(get_args(annotation)[0], examples)]
    if isinstance(annotation, type) and issubclass(annotation, Body):
        return example(annotation)
    return (examples or [True])[0]


@pytest.mark.parametrize("model", sorted(BODIES, key=lambda model: model.__name__))
def test_the_examples_are_read(model: type[Body]) -> None:
    """A developer would copy what is refused."""
    assert body_of(model, json.dumps(example(model)).encode()).model_dump(exclude_unset=True) == example(model)


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        ([5], "evidence.0"),
        (
            [{"step": "BLINK", "frame": "", "capturedAtMs": 1}, {"step": "BLINK", "frame": ""}],
            "evidence.1.capturedAtMs",
        ),
    ],
)
def test_a_fault_in_a_list_is_named_with_its_place(evidence: list[Any], field: str) -> None:
    """A client could not say which of its frames is at fault."""
    body = {**example(FaceUploadRequest), "evidence": evidence}
    with pytest.raises(Problem) as caught:
        body_of(FaceUploadRequest, json.dumps(body).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(("name", "field"), [("path", "path"), ("a b", None)])
def test_a_name_that_comes_twice_in_a_query_is_told(name: str, field: str | None) -> None:
    """A developer could not see which of many arguments was meant."""
    with pytest.raises(Problem) as caught:
        query_of(SessionQuery, [(name, "/home"), (name, "/away")])
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, field)


def test_a_damaged_body_is_refused_or_read_and_nothing_else() -> None:
    """One odd byte would be a 500, and a line in somebody's pager."""
    rng = random.Random(1)
    models = sorted(BODIES, key=lambda model: model.__name__)
    examples = {model: json.dumps(example(model)).encode() for model in models}
    refusals: list[tuple[bytes, Problem]] = []
    for _ in range(MUTATIONS):
        model = rng.choice(models)
        raw = damaged(rng, examples[model])
        try:
            assert isinstance(body_of(model, raw), model)
        except Problem as problem:
            refusals.append((raw, problem))
    assert len(refusals) > MUTATIONS / 2
    for raw, problem in refusals:
        assert problem.code in (Code.BAD_USER_INPUT, Code.PAYLOAD_TOO_LARGE), raw
        assert len(problem.detail) < 200, raw
