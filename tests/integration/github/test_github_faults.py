"""GitHub away, slow, broken, or saying no: each is a clear refusal, and nothing half written remains."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from app.errors import Code, Problem
from app.settings import Settings
from app.social.departures import Pending, PendingSignIns
from app.social.github_client import GithubApp, GithubClient, GithubPerson
from tests.fakes import FixedClock
from tests.github_server import CLIENT_SECRET, GithubServer, GithubUser, address
from tests.integration.github.conftest import LOGIN_WITH_GITHUB, NOTHING, PAGE, Browser, Site, through_github

TOKEN = "/login/oauth/access_token"
USER = "/api/v3/user"
EMAILS = "/api/v3/user/emails"
PAGE_OF_OURS = "http://127.0.0.1:8000/auth/github/callback"
VERIFIER = "v" * 43


@pytest.fixture
async def client(github: GithubServer, clock: FixedClock) -> AsyncIterator[GithubClient]:
    """Our client of this GitHub."""
    app = GithubApp.of(Settings.from_environment(github.environment))
    assert app is not None
    client = GithubClient(app=app, clock=clock)
    yield client
    await client.close()


async def person(client: GithubClient) -> GithubPerson:
    """Goes to GitHub and back, and trades the code."""
    url = client.authorize_url(state="s", verifier=VERIFIER, redirect_uri=PAGE_OF_OURS)
    returned = await through_github(url)
    code = returned.partition("code=")[2].partition("&")[0]
    return await client.person(code=code, verifier=VERIFIER, redirect_uri=PAGE_OF_OURS)


async def refusal(client: GithubClient) -> Problem:
    with pytest.raises(Problem) as refused:
        await person(client)
    return refused.value


def saying(body: Any, status: int = 200, **headers: str) -> Callable[[Request], Awaitable[Response]]:
    """A fault: this answer whatever is asked; bytes as they are, all else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(_: Request) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(content, status, headers={"content-type": "application/json", **named})

    return answer


async def silent(request: Request) -> Response:
    """Says nothing until the caller gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response()


async def test_who_stands_behind_a_code(client: GithubClient) -> None:
    """The account would be of nobody, or of somebody else."""
    octocat = await person(client)
    assert (octocat.subject, octocat.login, octocat.name) == ("583231", "octocat", "The Octocat")
    assert octocat.email == "octocat@example.org"
    assert octocat.access_token not in repr(octocat)


async def test_a_github_of_ones_own_is_another_issuer(client: GithubClient, github: GithubServer) -> None:
    """Person 5 of a company's GitHub would open the account of person 5 of github.com."""
    assert client.app.issuer == github.url
    public = GithubApp.of(Settings.from_environment({"GITHUB_CLIENT_ID": "a", "GITHUB_CLIENT_SECRET": "b"}))
    assert public is not None
    assert public.issuer == "https://github.com"


async def test_repositories_are_asked_for_only_to_import_projects(github: GithubServer) -> None:
    """Everybody would have to open all their repositories to us."""
    for given, scopes in (("false", ("read:user", "user:email")), ("true", ("read:user", "user:email", "repo"))):
        app = GithubApp.of(Settings.from_environment({**github.environment, "GITHUB_IMPORT_PROJECTS": given}))
        assert app is not None
        assert app.scopes == scopes


BROKEN = {
    "an error of the server": saying({"message": "Server Error"}, 502),
    "a page": saying(b"<!DOCTYPE html><title>Unicorn!</title>", 200, content_type="text/html"),
    "a page that is not found": saying(b"<html>", 404, content_type="text/html"),
    "nothing": saying(b""),
    "half of it": saying(b'{"access_token": "gho_'),
    "null": saying(None),
    "a number": saying(1),
    "an empty list": saying([]),
    "nested beyond reason": saying(b"[" * 100_000),
    "bytes that are no text": saying(b"\xff\xfe"),
    "a redirect": saying(b"", 302, location="https://evil.example/"),
    "something packed": saying(b"\x1f\x8b\x08", content_encoding="gzip"),
    "more than anybody has to say": saying(b" " * 10_000_000),
}


@pytest.mark.parametrize("path", [TOKEN, USER, EMAILS])
async def test_a_broken_github_is_told_as_such(client: GithubClient, github: GithubServer, path: str) -> None:
    """A person would see an error of ours, or wait without end."""
    for name, fault in BROKEN.items():
        if (name, path) == ("an empty list", EMAILS):  # which is how GitHub says "no address"
            continue
        github.faults[path] = fault
        refused = await refusal(client)
        if (name, path) in (("a page that is not found", USER), ("a page that is not found", EMAILS)):
            assert (refused.code, refused.reason) == (Code.UNAUTHENTICATED, "GITHUB_ACCESS_REFUSED"), name
        else:
            assert (refused.code, refused.reason) == (Code.BUSY, "GITHUB_AWAY"), name
            assert refused.retry_after_s is not None, name


@pytest.mark.parametrize("path", [TOKEN, USER, EMAILS])
async def test_a_silent_github_is_not_waited_for(client: GithubClient, github: GithubServer, path: str) -> None:
    """A person would look at an empty page without end, and our connections would all wait with them."""
    github.faults[path] = silent
    impatient = GithubClient(app=client.app, clock=github.clock, total_timeout_s=0.3)
    refused = await refusal(impatient)
    assert (refused.code, refused.reason) == (Code.BUSY, "GITHUB_AWAY")
    await impatient.close()


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a b"},
        {"access_token": "line\nbreak"},
        {"access_token": "x" * 513},
        {"token_type": "bearer"},
    ],
)
async def test_a_token_that_is_none(client: GithubClient, github: GithubServer, answer: dict[str, object]) -> None:
    """A line break in a token would forge a header of the next request."""
    github.faults[TOKEN] = saying(answer)
    assert (await refusal(client)).reason == "GITHUB_AWAY"


@pytest.mark.parametrize("identifier", [None, "583231", 0, -1, 2**63, 1.5, True, [1], {"$gt": 0}])
async def test_a_number_that_is_none(client: GithubClient, github: GithubServer, identifier: object) -> None:
    """Whoever has an odd number at a broken GitHub would share one account with all the others."""
    github.faults[USER] = saying({"id": identifier, "login": "octocat"})
    assert (await refusal(client)).reason == "GITHUB_AWAY"


@pytest.mark.parametrize("login", [None, "", 5, "a b", "<script>", "../x", "o\u202ectocat", "x" * 101])
async def test_a_login_that_is_none(client: GithubClient, github: GithubServer, login: object) -> None:
    """A name that GitHub cannot have given would be shown as theirs."""
    github.faults[USER] = saying({"id": 1, "login": login})
    assert (await refusal(client)).reason == "GITHUB_AWAY"


async def test_a_name_is_text_or_nothing(client: GithubClient, github: GithubServer) -> None:
    """A person without a public name could not come in."""
    for name in (None, 5, ["a"]):
        github.faults[USER] = saying({"id": 1, "login": "octocat", "name": name})
        assert (await person(client)).name is None


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [address("a@example.org", verified=False)],
        [address("a@example.org", primary=False)],
        [{**address("a@example.org"), "verified": "true"}],
        [{**address("a@example.org"), "primary": 1}],
        [{**address("a@example.org"), "email": None}],
        [{**address("a@example.org"), "email": "not an address"}],
        [{**address("a@example.org"), "email": "ада@example.org"}],
        ["a@example.org", None, 5],
    ],
)
async def test_an_address_counts_only_when_github_has_proved_it(
    client: GithubClient, octocat: GithubUser, emails: list[Any]
) -> None:
    """Whoever types in a stranger's address at GitHub would open the stranger's account here."""
    octocat.emails = emails
    assert (await person(client)).email is None


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        ("bad_verification_code", Code.UNAUTHENTICATED, "GITHUB_CODE_REFUSED"),
        ("unverified_user_email", Code.UNAUTHENTICATED, "GITHUB_EMAIL_NOT_VERIFIED"),
        ("incorrect_client_credentials", Code.BUSY, "GITHUB_REFUSES_SERVER"),
        ("redirect_uri_mismatch", Code.BUSY, "GITHUB_REFUSES_SERVER"),
        ("application_suspended", Code.BUSY, "GITHUB_REFUSES_SERVER"),
        ("something\nnew", Code.BUSY, "GITHUB_REFUSES_SERVER"),
        ({"message": "?"}, Code.BUSY, "GITHUB_REFUSES_SERVER"),
    ],
)
async def test_errors_that_come_with_status_200(
    client: GithubClient,
    github: GithubServer,
    error: object,
    code: Code,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A refusal would be taken for a token, or an operator's mistake be blamed on the person."""
    github.faults[TOKEN] = saying({"error": error, "error_description": "d", "error_uri": "u"})
    refused = await refusal(client)
    assert (refused.code, refused.reason) == (code, reason)
    assert ("GITHUB_CLIENT_ID" in caplog.text) == (reason == "GITHUB_REFUSES_SERVER")
    assert "something\nnew" not in caplog.text


async def test_a_wrong_secret_is_the_operators_to_mend(github: GithubServer, clock: FixedClock) -> None:
    """A person would be told to try again, for ever."""
    app = GithubApp.of(Settings.from_environment({**github.environment, "GITHUB_CLIENT_SECRET": "wrong"}))
    assert app is not None
    client = GithubClient(app=app, clock=clock)
    assert (await refusal(client)).reason == "GITHUB_REFUSES_SERVER"
    await client.close()
    assert CLIENT_SECRET not in repr(app)


async def test_the_wait_that_github_asks_for(client: GithubClient, github: GithubServer, clock: FixedClock) -> None:
    """People would be sent back to GitHub at once, which makes the wait longer."""
    soon = str(int((clock.now() + timedelta(seconds=90)).timestamp()))
    for path in (TOKEN, USER, EMAILS):
        for answer, wait_s in (
            (
                saying({"message": "API rate limit exceeded"}, 403, x_ratelimit_remaining="0", x_ratelimit_reset=soon),
                90,
            ),
            (saying({"message": "You have exceeded a secondary rate limit"}, 403, retry_after="60"), 60),
            (saying({}, 429), 10),
            (saying({}, 429, retry_after="soon"), 10),
            (saying({}, 429, retry_after="999999999"), 3600),
            (saying({}, 403, x_ratelimit_remaining="0", x_ratelimit_reset="1"), 1),
        ):
            github.faults[path] = answer
            refused = await refusal(client)
            assert (refused.code, refused.reason) == (Code.BUSY, "GITHUB_RATE_LIMITED")
            assert refused.retry_after_s == wait_s
        del github.faults[path]


async def test_a_permission_that_was_taken_back(client: GithubClient, github: GithubServer) -> None:
    """A person who did not let us read their address would see an error of ours."""
    for answer in (saying({"message": "Bad credentials"}, 401), saying({"message": "Not Found"}, 404)):
        github.faults[EMAILS] = answer
        refused = await refusal(client)
        assert (refused.code, refused.reason) == (Code.UNAUTHENTICATED, "GITHUB_ACCESS_REFUSED")


async def test_nobody_is_there(client: GithubClient, clock: FixedClock) -> None:
    """A person would see an error of ours."""
    nowhere = GithubClient(app=replace(client.app, token_url="http://127.0.0.1:9/x"), clock=clock)
    with pytest.raises(Problem) as refused:
        await nowhere.person(code="c", verifier=VERIFIER, redirect_uri=PAGE_OF_OURS)
    assert (refused.value.code, refused.value.reason) == (Code.BUSY, "GITHUB_AWAY")
    await nowhere.close()


async def test_nothing_half_written_remains(browser: Browser, site: Site, octocat: GithubUser) -> None:
    """An account without an identity would hold the address, and its owner could never come in with GitHub."""
    for path, fault in ((TOKEN, saying({}, 500)), (USER, saying([])), (EMAILS, saying({}, 403, retry_after="7"))):
        site.github.faults[path] = fault
        arrival = await browser.sign_in(return_to="/sign-in")
        assert (arrival.page, arrival.told["error"]) == (f"{PAGE['origin']}/sign-in", "BUSY")
        del site.github.faults[path]
    assert arrival.told["retry_after"] == "7"
    octocat.emails = [address("octocat@example.org", verified=False)]
    answered = await browser.code_and_state()
    refused = await browser.refusal(LOGIN_WITH_GITHUB, answered, headers=PAGE)
    assert refused == {"code": "UNAUTHENTICATED", "reason": "GITHUB_EMAIL_NOT_VERIFIED"}
    assert await site.rows() == NOTHING
    assert not browser.session_cookies


async def test_without_redis_nobody_is_sent_away(clock: FixedClock) -> None:
    """A person would go to GitHub, come back, and be taken for somebody else's browser."""
    redis = Redis.from_url("redis://127.0.0.1:9")
    pending = PendingSignIns(redis=redis, clock=clock, name="github")
    left = Pending(verifier=VERIFIER, redirect_uri=PAGE_OF_OURS, return_to=PAGE_OF_OURS)
    for attempt in (pending.keep(left, state="s", browser="b"), pending.take(state="s", browser="b")):
        with pytest.raises(Problem) as refused:
            await attempt
        assert (refused.value.code, refused.value.retry_after_s) == (Code.BUSY, 5)
    await redis.aclose()
