"""Attempts are counted in the services: no document and no second way of asking gives more of them."""

from collections import Counter
from inspect import isawaitable

from graphql import execute, parse

from app.accounts.limits import LOGIN_PER_EMAIL
from app.edge.cookies import DeviceCookie, SessionCookies
from app.edge.csrf import Csrf
from app.edge.requests import Caller
from app.edge.visit import Visit
from app.errors import Code, Problem
from app.graphql.engine import GraphQLEngine
from app.wiring import Services
from tests.serving import LOGIN, Visitor

CALLER = Caller(
    request_id="test",
    ip="192.0.2.1",
    user_agent=None,
    origin=None,
    bearer=None,
    csrf_token=None,
    wants_token_in_body=False,
    cookies={},
)


async def test_aliases_count_one_by_one_even_without_the_documents_limit(services: Services, visitor: Visitor) -> None:
    """Should that limit ever fall, one request could try a thousand passwords of somebody's account."""
    await visitor.signup()
    engine = GraphQLEngine.over(services)
    csrf = Csrf.of(services.settings, services.ids)
    visit = Visit(
        services=services,
        caller=CALLER,
        cookies=SessionCookies(secure=False),
        csrf=csrf,
        devices=DeviceCookie(secure=False),
    )
    codes: Counter[Code] = Counter()
    for ten in range(20):
        guesses = " ".join(
            f'a{n}: login(email: "ada@example.org", password: "{ten} {n}") {{ isNewUser }}' for n in range(50)
        )
        result = execute(engine.schema, parse(f"mutation {{ {guesses} }}"), context_value=visit)
        assert isawaitable(result)
        errors = (await result).errors or []
        codes.update(error.original_error.code for error in errors if isinstance(error.original_error, Problem))
    # The first refusal ends a document, because a payload cannot be null.
    assert codes == {Code.UNAUTHENTICATED: LOGIN_PER_EMAIL.amount, Code.RATE_LIMITED: 20 - LOGIN_PER_EMAIL.amount}


async def test_rest_and_graphql_share_one_counter(visitor: Visitor) -> None:
    """An attacker would get twice the guesses by asking on both edges."""
    for number in range(LOGIN_PER_EMAIL.amount):
        variables = {"email": "ada@example.org", "password": f"guess {number}"}
        if number % 2:
            assert (await visitor.refusal(LOGIN, variables))["code"] == "UNAUTHENTICATED"
        else:
            assert (await visitor.http.post("/auth/login", json=variables)).status_code == 401
    again = {"email": "ada@example.org", "password": "one more"}
    assert (await visitor.refusal(LOGIN, again))["code"] == "RATE_LIMITED"
    answer = await visitor.http.post("/auth/login", json=again)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
