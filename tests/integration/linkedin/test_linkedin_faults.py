"""LinkedIn away, slow, broken, or saying no: each is a clear refusal, and nothing half written remains."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.errors import Code, Problem
from app.settings import Settings
from app.social.code_client import CodeClient
from app.social.code_providers import code_providers_from
from app.social.model import Provider
from tests.integration.github.test_github_faults import saying, silent
from tests.integration.linkedin.conftest import CALLBACK, NOTHING, Browser, Site
from tests.linkedin_server import CLIENT_SECRET, KEYS, TOKEN, LinkedInServer
from tests.serving import HOME


@pytest.fixture
async def client(linkedin: LinkedInServer) -> AsyncIterator[CodeClient]:
    """Our client of this LinkedIn."""
    rows = code_providers_from(Settings.from_environment(linkedin.environment))
    client = CodeClient(row=rows[Provider.LINKEDIN])
    yield client
    await client.close()


async def refusal(client: CodeClient) -> Problem:
    with pytest.raises(Problem) as refused:
        await client.id_token(code="AQx", verifier="v" * 43, redirect_uri=HOME + CALLBACK)
    return refused.value


BROKEN = {
    "an error of the server": saying({"message": "Server Error"}, 502),
    "an error of the server with a word": saying({"error": "invalid_request"}, 500),
    "a page": saying(b"<!DOCTYPE html><title>Oops</title>", 200, content_type="text/html"),
    "a page that is not found": saying(b"<html>", 404, content_type="text/html"),
    "nothing": saying(b""),
    "half of it": saying(b'{"id_token": "eyJ'),
    "null": saying(None),
    "a list": saying([]),
    "nested beyond reason": saying(b"[" * 100_000),
    "bytes that are no text": saying(b"\xff\xfe"),
    "a redirect": saying(b"", 302, location="https://evil.example/"),
    "something packed": saying(b"\x1f\x8b\x08", content_encoding="gzip"),
    "more than anybody has to say": saying(b" " * 10_000_000),
    "no ID token": saying({"access_token": "AQV", "token_type": "Bearer"}),
    "an ID token that is none": saying({"id_token": 5}),
    "a token beside an error": saying({"id_token": "eyJ.e30.x"}, 503),
}


async def test_a_broken_linkedin_is_told_as_such(client: CodeClient, linkedin: LinkedInServer) -> None:
    """A person would see an error of ours, or wait without end."""
    for name, fault in BROKEN.items():
        linkedin.faults[TOKEN] = fault
        refused = await refusal(client)
        assert (refused.code, refused.reason) == (Code.BUSY, "PROVIDER_AWAY"), name
        assert refused.retry_after_s is not None, name


async def test_a_silent_linkedin_is_not_waited_for_nor_one_that_is_not_there(
    client: CodeClient, linkedin: LinkedInServer
) -> None:
    """A person would look at an empty page without end, and our connections would all wait with them."""
    linkedin.faults[TOKEN] = silent
    nowhere = replace(client.row, token_url="http://127.0.0.1:9/x")
    for impatient in (CodeClient(row=client.row, total_timeout_s=0.3), CodeClient(row=nowhere)):
        refused = await refusal(impatient)
        assert (refused.code, refused.reason) == (Code.BUSY, "PROVIDER_AWAY")
        await impatient.close()


@pytest.mark.parametrize(
    ("status", "error", "code", "reason"),
    [
        (400, "invalid_grant", Code.UNAUTHENTICATED, "PROVIDER_CODE_REFUSED"),
        (400, "invalid_request", Code.UNAUTHENTICATED, "PROVIDER_CODE_REFUSED"),
        (401, "invalid_client", Code.BUSY, "PROVIDER_REFUSES_SERVER"),
        (400, "unauthorized_client", Code.BUSY, "PROVIDER_REFUSES_SERVER"),
        (200, "something\nnew", Code.BUSY, "PROVIDER_REFUSES_SERVER"),
        (400, {"message": "?"}, Code.BUSY, "PROVIDER_REFUSES_SERVER"),
    ],
)
async def test_errors_of_the_token_endpoint(
    client: CodeClient,
    linkedin: LinkedInServer,
    status: int,
    error: object,
    code: Code,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An operator's mistake would be blamed on the person, or the other way round."""
    linkedin.faults[TOKEN] = saying({"error": error, "error_description": "d"}, status)
    refused = await refusal(client)
    assert (refused.code, refused.reason) == (code, reason)
    assert ("LINKEDIN_CLIENT_SECRET" in caplog.text) == (reason == "PROVIDER_REFUSES_SERVER")
    assert "something\nnew" not in caplog.text


async def test_a_wrong_secret_is_the_operators_to_mend(client: CodeClient) -> None:
    """A person would be told to try again, for ever."""
    wrong = CodeClient(row=replace(client.row, client_secret="wrong"))
    assert (await refusal(wrong)).reason == "PROVIDER_REFUSES_SERVER"
    await wrong.close()
    assert CLIENT_SECRET not in repr(client.row)


async def test_the_wait_that_linkedin_asks_for(client: CodeClient, linkedin: LinkedInServer) -> None:
    """People would be sent back to LinkedIn at once, which makes the wait longer."""
    waits: tuple[tuple[dict[str, str], float], ...] = (
        ({"retry_after": "60"}, 60),
        ({}, 10),
        ({"retry_after": "soon"}, 10),
        ({"retry_after": "9" * 11}, 3600),
    )
    for headers, wait_s in waits:
        linkedin.faults[TOKEN] = saying({}, 429, **headers)
        assert (await refusal(client)).retry_after_s == wait_s


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("user_cancelled_login", ("FORBIDDEN", "PROVIDER_DENIED")),
        ("access_denied", ("FORBIDDEN", "PROVIDER_DENIED")),
        ("unauthorized_scope_error", ("BUSY", "PROVIDER_REFUSES_SERVER")),
        ("server_error", ("BUSY", "PROVIDER_AWAY")),
    ],
)
async def test_an_error_in_place_of_a_code(browser: Browser, site: Site, error: str, told: tuple[str, str]) -> None:
    """A person would be told nonsense after pressing "Cancel", or blamed for what the operator has to mend."""
    url = await browser.depart(return_to="/login")
    state = url.partition("state=")[2].partition("&")[0]
    arrival = await browser.arrive(f"{CALLBACK}?error={error}&error_description=x&state={state}")
    assert (arrival.told["error"], arrival.told["reason"]) == told
    assert arrival.page == f"{HOME}/login"


async def test_nothing_half_written_remains(browser: Browser, site: Site) -> None:
    """An account without an identity would hold the address, and its owner could never come in with LinkedIn."""
    faults: tuple[tuple[str, Any], ...] = ((TOKEN, saying({}, 500)), (TOKEN, saying([])), (KEYS, saying({}, 500)))
    for path, fault in faults:
        site.linkedin.faults[path] = fault
        arrival = await browser.sign_in(return_to="/sign-in")
        assert (arrival.page, arrival.told["error"]) == (f"{HOME}/sign-in", "BUSY")
        assert int(arrival.told["retry_after"]) >= 1
        del site.linkedin.faults[path]
    assert await site.rows() == NOTHING
    assert not browser.session_cookies
