"""An address that leads nowhere: a page for people, a document for programs."""

from dataclasses import replace

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.wiring import Services

NAVIGATION = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def at(services: Services) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(services)), base_url="http://127.0.0.1:8000")


async def test_a_mistyped_address_is_told_in_a_page_that_leads_home(services: Services) -> None:
    """A person would stand before a line of JSON, with no way on."""
    async with at(services) as http:
        answer = await http.get("/profil", headers=NAVIGATION)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in answer.text
    assert '<a href="/">' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_the_way_home_is_below_the_path_of_the_public_address(services: Services, settings: Settings) -> None:
    """The link would lead to whatever else the operator's host serves."""
    below = replace(services, settings=replace(settings, public_url="https://example.org/id/"))
    async with at(below) as http:
        assert '<a href="/id/">' in (await http.get("/profil", headers=NAVIGATION)).text


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/profil", {}, 404),
        ("GET", "/profil", {"accept": "application/json"}, 404),
        ("POST", "/profil", NAVIGATION, 404),
        ("GET", "/auth/login", NAVIGATION, 405),
        ("GET", "/assets/none.js", NAVIGATION, 404),
    ],
)
async def test_programs_get_a_problem_document(
    services: Services, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A client would have to read a page to learn that its address is wrong."""
    async with at(services) as http:
        answer = await http.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
