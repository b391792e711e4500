"""GET /metrics: what it shows, to whom, and that both edges count into it."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.serving import HOME, LOGIN, PASSWORD, Visitor, served

TOKEN = "a-scraper-has-a-token-of-its-own-0123456789"


async def scraped(services: Services, *, peer: str = "127.0.0.1", **headers: str) -> httpx.Response:
    """One look at the metrics, as a caller at `peer`."""
    transport = httpx.ASGITransport(app=create_app(services), client=(peer, 4242))
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as http:
        return await http.get("/metrics", headers={name.replace("_", "-"): text for name, text in headers.items()})


async def figure(services: Services, sample: str) -> float:
    """One figure, 0 when it is not there."""
    lines = (await scraped(services)).text.splitlines()
    return float(dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#")).get(sample, 0))


async def test_the_machine_itself_may_read(services: Services) -> None:
    """Prometheus beside the server would need a token for nothing."""
    for peer in ("127.0.0.1", "::1"):
        answer = await scraped(services, peer=peer)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "process_cpu_seconds_total" in answer.text


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
async def test_a_proxy_on_the_machine_does_not_open_it_to_the_world(services: Services, header: str) -> None:
    """Everybody behind the proxy would look like a neighbour, and read how many people sign in."""
    answer = await scraped(services, **{header: "198.51.100.7"})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_the_world_may_not_read(services: Services) -> None:
    """Anyone could read how many people sign in, and how busy the server is."""
    assert (await scraped(services, peer="198.51.100.7")).status_code == 403


async def test_with_a_token_only_the_token_counts(settings: Settings, clock: FixedClock, mailbox: Mailbox) -> None:
    """A scraper in another container could not read, or everybody on the machine could."""
    settings = replace(settings, metrics_token=TOKEN)
    async with served(settings, clock=clock, mailbox=mailbox) as (services, _):
        assert (await scraped(services, peer="10.0.0.7", authorization=f"Bearer {TOKEN}")).status_code == 200
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {TOKEN}é".encode()}):
            assert (await scraped(services, **headers)).status_code == 401


async def test_both_edges_count_into_the_same_figures(visitor: Visitor, services: Services) -> None:
    """A dashboard would show half of the sign-ins."""
    await visitor.signup()
    ada = {"email": "ada@example.org", "password": PASSWORD}
    await visitor.data(LOGIN, ada)
    await visitor.http.post("/auth/login", json=ada)
    await visitor.http.post("/auth/login", json={**ada, "password": "x" * 12})
    await visitor.refusal(LOGIN, {**ada, "password": "x" * 12})
    assert await figure(services, "identity_register_total") == 1
    assert await figure(services, "identity_login_total") == 2
    assert await figure(services, 'identity_rejects_total{reason="WRONG_CREDENTIALS"}') == 2
    assert await figure(services, 'graphql_operation_seconds_count{kind="mutation"}') == 3
    assert await figure(services, 'http_request_seconds_count{method="POST",route="/auth/login",status="2xx"}') == 1
    assert await figure(services, 'http_request_seconds_count{method="POST",route="/auth/login",status="4xx"}') == 1
    assert await figure(services, "database_connections_open") >= 1


async def test_every_counter_of_source_b_moves(visitor: Visitor, services: Services, mailbox: Mailbox) -> None:
    """A dashboard of source B would show a flat line beside a busy server."""
    await visitor.signup()
    toronto = {"campus_id": "01900000-0000-7000-8000-00000000000c", "password": PASSWORD}
    await visitor.http.post("/auth/register", json={**toronto, "email": "bob@utoronto.ca", "handle": "bob"})
    await visitor.http.post("/auth/resend", json={"email": "bob@utoronto.ca"})
    await services.background.settled()
    token = re.search(r"/verify-email#token=(\S+)", mailbox.sent[-1].text)
    assert token is not None
    await visitor.http.post("/auth/verify-email", json={"token": token[1]})
    await visitor.http.post("/auth/verify-email", json={"token": token[1]})
    bearer = {"authorization": f"Bearer {visitor.access_token}"}
    await visitor.http.patch("/profile/me", json={"bio": "new"}, headers=bearer)
    await visitor.data('mutation { updateProfile(input: { bio: "newer" }) { id } }')
    assert await figure(services, "identity_register_total") == 2
    assert await figure(services, "identity_resend_total") == 1
    assert await figure(services, "identity_verify_total") == 1
    assert await figure(services, "profile_update_total") == 2
    assert await figure(services, 'identity_rejects_total{reason="GONE"}') == 1


async def test_a_path_that_nobody_serves_is_no_label(visitor: Visitor, services: Services) -> None:
    """Anybody could make a series for each address they think of."""
    for number in range(20):
        await visitor.http.get(f"/made-up/{number}")
    assert await figure(services, 'http_request_seconds_count{method="GET",route="none",status="4xx"}') == 20
    assert "made-up" not in (await scraped(services)).text


async def test_a_photo_and_its_refusal_are_counted(visitor: Visitor, services: Services, astronaut_path: Path) -> None:
    """An operator would not see that uploads fail."""
    await visitor.signup()
    for photo in (astronaut_path.read_bytes(), b"no picture at all"):
        key = await visitor.upload(photo, mime="image/png")
        await visitor.post("mutation ($key: String!) { commitAvatar(key: $key) { id } }", {"key": key})
    assert await figure(services, "avatar_upload_total") == 1
    refusals = [line for line in (await scraped(services)).text.splitlines() if line.startswith("identity_rejects_")]
    assert len(refusals) == 1
