"""Documents made from our own schema, one field each, with values that no client would send: never an INTERNAL."""

from graphql import print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, queries

from app.graphql.schema import load_schema
from app.wiring import Services
from tests.serving import Visitor

SCHEMA = load_schema()
SOURCE = print_schema(SCHEMA)
assert SCHEMA.query_type is not None
assert SCHEMA.mutation_type is not None
PER_FIELD = 10
QUERIES, MUTATIONS = sorted(SCHEMA.query_type.fields), sorted(SCHEMA.mutation_type.fields)


def about(fields: list[str]) -> settings:
    """So many examples, always the same ones: a failure seen is a failure to see again."""
    return settings(
        max_examples=PER_FIELD * len(fields),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@about(QUERIES)
@given(data=st.data())
async def test_no_query_breaks_the_server(services: Services, visitor: Visitor, data: st.DataObject) -> None:
    """A stranger's document would be answered with a fault of ours, and one of them may be a hole."""
    await _answers_well(services, visitor, data.draw(queries(SOURCE, fields=[data.draw(st.sampled_from(QUERIES))])))


@about(MUTATIONS)
@given(data=st.data())
async def test_no_mutation_breaks_the_server(services: Services, visitor: Visitor, data: st.DataObject) -> None:
    """Some value would be half written, or crash where it is used."""
    await _answers_well(services, visitor, data.draw(mutations(SOURCE, fields=[data.draw(st.sampled_from(MUTATIONS))])))


async def _answers_well(services: Services, visitor: Visitor, document: str) -> None:
    await services.redis.flushdb()  # limits would soon refuse before anything is looked at
    who = (await visitor.post("{ me { id } }")).json().get("data") or {}
    if who.get("me") is None:
        visitor.access_token = None
        await visitor.signup(f"p{services.ids.token(6)}".lower().replace("-", "_"))
    answer = await visitor.post(document)
    assert answer.status_code in (200, 400, 413), answer.text
    for error in answer.json().get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL", (document, error)
