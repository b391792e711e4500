"""GraphQL over HTTP, against the shipped application: the rules that the graphql-http audit suite checks, and ours."""

import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.edge.json_bodies import MAX_JSON_MARKS
from tests.serving import LOGIN, ME, PASSWORD, Visitor

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"


async def post(visitor: Visitor, content: bytes | str, **headers: str) -> httpx.Response:
    """One raw POST; headers by their names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await visitor.http.post("/graphql", content=content, headers={"content-type": JSON, **named})


async def test_a_query_is_answered_in_the_type_asked_for(visitor: Visitor) -> None:
    """Clients choose their parser by the type."""
    for accept in (JSON, GRAPHQL_RESPONSE):
        answer = await post(visitor, '{"query": "{ __typename me { id } }"}', accept=accept)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == {"data": {"__typename": "Query", "me": None}}


async def test_a_document_that_cannot_run(visitor: Visitor) -> None:
    """The draft wants 400 for its own type, and 200 for clients that expect GraphQL's older habit."""
    ambiguous = "query A { me { id } } query B { me { id } }"
    for document in ("{", "{ nonsense }", "query ($id: ID!) { __typename }", ambiguous):
        body = json.dumps({"query": document})
        old, new = await post(visitor, body, accept=JSON), await post(visitor, body, accept=GRAPHQL_RESPONSE)
        assert (old.status_code, new.status_code) == (200, 400), document
        assert "data" not in new.json()
        assert new.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


NO_REQUESTS: list[str | bytes] = [
    "",
    '{ "not a JSON',
    "[]",
    '[{"query": "{ __typename }"}]',
    "null",
    "{}",
    '{"query": 0}',
    '{"query": ""}',
    '{"query": "{ __typename }", "variables": []}',
    '{"query": "{ __typename }", "variables": "{}"}',
    '{"query": "{ __typename }", "operationName": 0}',
    '{"query": "{ __typename }", "extensions": [1]}',
    '{"query": "{ __typename }", "variables": {"a": NaN}}',
    '{"query": "{ __typename }", "variables": {"a": "\\u0000"}}',
    '{"query": "{ __typename }", "variables": {"\\ud800": 1}}',
    b'{"query": "\xff"}',
    "[" * 3_000,
]


async def test_a_body_that_is_no_request_is_400(visitor: Visitor) -> None:
    """A client bug would look like a fault of ours, or worse, run something."""
    for body in NO_REQUESTS:
        answer = await post(visitor, body)
        assert answer.status_code == 400, body
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": LOGIN, "variables": {"email": "a@b.org", "password": "\0"}}, "password"),
        ({"query": LOGIN, "variables": {"email": ["x", "\ud800"], "password": "x"}}, "email"),
        ({"query": "{ __typename }", "variables": {"\ud800": "x"}}, "variables"),
        ({"query": 'mutation { login(email: "\\u0000", password: "x") { accessToken } }'}, "email"),
    ],
    ids=["variable", "list", "name", "literal"],
)
async def test_text_that_is_none_is_refused_by_name(visitor: Visitor, body: dict[str, Any], field: str) -> None:
    """A form could not say which of its fields to correct."""
    answer = await post(visitor, json.dumps(body))
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions == {"code": "BAD_USER_INPUT", "field": field}


async def test_a_null_parameter_is_as_good_as_none(visitor: Visitor) -> None:
    """Many clients send every parameter, null or not."""
    parameters = {"variables": None, "operationName": None, "extensions": None}
    answer = await post(visitor, json.dumps({"query": "{ __typename }", **parameters}))
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_queries_are_answered_over_get(visitor: Visitor) -> None:
    """Caches and plain links could not be used for reading."""
    parameters = {"query": "query ($n: String!) { __type(name: $n) { name } }", "variables": '{"n": "User"}'}
    answer = await visitor.http.get("/graphql", params=parameters)
    assert answer.json() == {"data": {"__type": {"name": "User"}}}
    broken = await visitor.http.get("/graphql", params={"query": "{ me { id } }", "variables": "{"})
    assert broken.status_code == 400


async def test_a_mutation_over_get_does_nothing(visitor: Visitor) -> None:
    """A link or an image could sign a person out or in."""
    await visitor.signup()
    headers = {"authorization": f"Bearer {visitor.access_token}"}
    answer = await visitor.http.get("/graphql", params={"query": "mutation { logout }"}, headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert (await visitor.data(ME))["me"]["handle"] == "ada"


async def test_other_methods_are_refused(visitor: Visitor) -> None:
    """HTTP tools rely on Allow to say what is served."""
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        answer = await visitor.http.request(method, "/graphql")
        assert answer.status_code == 405, method
        assert answer.headers["allow"] == "GET, POST"


FORMS = (
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/graphql",
    "",
)


async def test_a_form_from_another_site_does_nothing(visitor: Visitor) -> None:
    """A browser sends these across sites without asking: another page could act for its visitor."""
    await visitor.signup()
    document = '{"query": "mutation { logout }"}'
    form = f'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{document}\r\n--x--\r\n'
    for content_type in FORMS:
        content = form if content_type.startswith("multipart") else document
        headers = {"authorization": f"Bearer {visitor.access_token}", "content-type": content_type}
        answer = await visitor.http.post("/graphql", content=content, headers=headers)
        assert answer.status_code == 415, content_type
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert (await visitor.data(ME))["me"]["handle"] == "ada"


async def test_an_answer_that_the_client_cannot_read_is_not_sent(visitor: Visitor) -> None:
    """The client would try to parse something it said it cannot."""
    assert (await post(visitor, '{"query": "{ __typename }"}', accept="text/html")).status_code == 406


async def test_a_body_over_two_megabytes_is_refused(visitor: Visitor) -> None:
    """One client could fill the server's memory."""
    answer = await post(visitor, b"x" * (2 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


CLAIM = 'mutation ($e: [StepFrame!]) { confirmLiveness(token: "t", frame: "YQ==", evidence: $e) { error } }'


@pytest.mark.parametrize("item", ["{}", "1", "[]", "null", '{"a":1}', '"\\u00e9"'])
async def test_a_million_values_are_refused_before_they_are_read(visitor: Visitor, item: str) -> None:
    """One stranger's request would stop the server for everybody for seconds (3 s measured for a million numbers)."""
    items = ",".join([item] * (2_000_000 // (len(item) + 1)))
    body = f'{{"query": {json.dumps(CLAIM)}, "variables": {{"e": [{items}]}}}}'
    began_s = time.process_time()
    answer = await post(visitor, body)
    assert time.process_time() - began_s < 0.5  # 0.15 s on a busy machine; read, they take 0.6 s to 1.5 s
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_one_long_text_is_looked_through_fast(visitor: Visitor) -> None:
    """One escaped letter in a long text would make the server look at a million letters one by one."""
    body = json.dumps({"query": "{ __typename }", "variables": {"a": "é" + "x" * 2_000_000}})
    began_s = time.process_time()
    answer = await post(visitor, body)
    assert time.process_time() - began_s < 0.1  # 0.02 s on a busy machine
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_the_largest_claim_is_far_below_the_bound(visitor: Visitor) -> None:
    """People whose browser sends five pieces of evidence would be refused as if they attacked us."""
    frame = "data:image/jpeg;base64," + "A" * 300_000
    evidence = [{"step": "BLINK", "frame": frame, "capturedAtMs": n} for n in range(5)]
    body = json.dumps({"query": CLAIM, "variables": {"e": evidence}}).encode()
    assert sum(body.count(mark) for mark in b",[{") * 50 < MAX_JSON_MARKS
    assert (await post(visitor, body)).json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_thousand_guesses_in_one_document_are_none(visitor: Visitor) -> None:
    """An attacker would try a thousand passwords while the limit counts one."""
    await visitor.signup()
    guesses = " ".join(f'a{i}: login(email: "ada@example.org", password: "{i}") {{ isNewUser }}' for i in range(20))
    refused = await visitor.refusal(f"mutation {{ {guesses} }}")
    assert refused["code"] == "BAD_USER_INPUT"
    for _ in range(12):  # every attempt of the minute is still there
        await visitor.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD})


async def test_people_write_in_their_own_letters(visitor: Visitor) -> None:
    """Names outside ASCII would come back broken."""
    person = {"email": "li@example.org", "password": PASSWORD, "username": "li", "displayName": "李 🏊 Ünal"}
    person["username"] = "li-unal"
    query = "mutation ($i: SignupInput!) { signup(input: $i) { user { displayName } } }"
    assert (await visitor.data(query, {"i": person}))["signup"]["user"]["displayName"] == "李 🏊 Ünal"


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300)
    | st.sampled_from(["ada@example.org", "' or 1=1 --", "<script>", "\u202eevil", "\u200b", "а", "x" * 70_000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_OPERATIONS = st.sampled_from(
    [
        "mutation ($v: SignupInput!) { signup(input: $v) { isNewUser } }",
        "mutation ($v: String!) { login(email: $v, password: $v) { isNewUser } }",
        "mutation ($v: String) { refreshToken(token: $v) { isNewUser } }",
        "mutation ($v: String) { logout(token: $v) }",
        "mutation ($v: String) { verifyEmail(token: $v) }",
        "mutation ($v: String!) { requestPasswordReset(email: $v) }",
        "mutation ($v: String!) { resetPassword(token: $v, password: $v) }",
        "mutation ($v: String!) { changePassword(current: $v, password: $v, code: $v) }",
        "mutation ($v: String!) { changeEmail(email: $v, password: $v, code: $v) }",
        "mutation ($v: String) { deleteAccount(password: $v, code: $v) }",
        "mutation ($v: ID!) { revokeSession(id: $v) }",
        "query ($v: String) { auditEvents(after: $v) { nodes { event } } }",
        "query ($v: Int) { auditEvents(first: $v) { nodes { event } } }",
        "mutation ($v: String) { verifyEmail(code: $v, email: $v) }",
        "mutation ($v: String!) { resendVerification(email: $v) }",
        "mutation ($v: RegisterInput!) { register(input: $v) { userId } }",
        'mutation ($v: ID!) { register(input: {email: "a@mit.edu", password: "x y z 1 2 3", handle: "abc", '
        "campusId: $v}) { userId } }",
        "mutation ($v: String!) { commitAvatar(key: $v) { id } }",
        "mutation ($v: String!) { presignAvatar(mime: $v, bytes: 3) { key } }",
        'mutation ($v: Int!) { presignAvatar(mime: "image/png", bytes: $v) { key } }',
        "mutation ($v: [LivenessStep!]) { createLivenessChallenge(exclude: $v) { token } }",
        "mutation ($v: String!) { confirmLiveness(token: $v, frame: $v) { success } }",
        'mutation ($v: [StepFrame!]) { confirmLiveness(token: "a", frame: "YQ==", evidence: $v) { success } }',
    ]
)


async def test_no_value_makes_the_server_fail(visitor: Visitor) -> None:
    """Whoever sends nonsense would fill the log, and could find the one value that takes the server down."""
    await visitor.signup()
    seen: list[str] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(_OPERATIONS, _VALUES)
    def collect(operation: str, value: Any) -> None:
        seen.append(json.dumps({"query": operation, "variables": {"v": value}}))

    collect()
    headers = {"authorization": f"Bearer {visitor.access_token}"}
    for body in seen:
        answer = await post(visitor, body, **headers)
        assert answer.status_code < 500, body
        codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
        assert "INTERNAL" not in codes, body
        assert answer.status_code == 400 or answer.json().get("data") is not None or codes, body
