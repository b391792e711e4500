"""The page with the letters: for the developer at this machine, and for nobody else."""

from dataclasses import replace

import httpx
import pytest

from app.clock import Clock
from app.edge.outbox_page import is_offered
from app.ids import Ids
from app.mail import Mail, Outbox
from app.main import create_app
from app.settings import Settings
from app.wiring import Services

PATH = "/dev/outbox"


@pytest.fixture
async def outbox(services: Services, settings: Settings) -> Outbox:
    outbox = Outbox(folder=settings.outbox_dir, sender="Bonafide <no-reply@localhost>", clock=Clock(), ids=Ids())
    await outbox.open()
    return outbox


def at(services: Services, peer: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(services), client=(peer, 4242))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def test_letters_can_be_read_and_their_links_followed(services: Services, outbox: Outbox) -> None:
    """Who tries Bonafide out would have to look for files; and a letter's text could run in the page."""
    async with at(services, "127.0.0.1") as http:
        assert "None yet" in (await http.get(PATH)).text
        await outbox.send(Mail(to="ada@example.org", subject="First", text="nothing"))
        link = "http://127.0.0.1:8000/verify-email#token=abc-_1"
        await outbox.send(
            Mail(to="ada@example.org", subject="<b>Zweite</b> ü", text=f"Öffne\n{link}\n<script>alert(1)</script>")
        )
        answer = await http.get(PATH)
        assert answer.headers["cache-control"] == "no-store"
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert f'<a href="{link}">{link}</a>' in answer.text
        assert "&lt;b&gt;Zweite&lt;/b&gt; ü" in answer.text
        assert "<script" not in answer.text
        assert answer.text.index("Zweite") < answer.text.index("First")
        assert answer.text.count("<article>") == 2


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.1", {}),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}),
        ("127.0.0.1", {"forwarded": "for=192.0.2.1"}),
        ("127.0.0.1", {"host": "evil.example:8000"}),
        ("127.0.0.1", {"host": "127.0.0.1.evil.example"}),
        ("127.0.0.1", {"host": "["}),
    ],
)
async def test_nobody_else_sees_that_it_is_there(
    services: Services, outbox: Outbox, peer: str, headers: dict[str, str]
) -> None:
    """A neighbour in the network, or a page whose name leads to 127.0.0.1, could open anybody's account."""
    await outbox.send(Mail(to="ada@example.org", subject="Secret", text="123456"))
    async with at(services, peer) as http:
        answer = await http.get(PATH, headers=headers)
        assert answer.status_code == 404
        assert "123456" not in answer.text
        assert answer.json()["detail"] == (await http.get("/dev/other")).json()["detail"].replace("other", "outbox")


def test_it_is_offered_in_development_on_this_machine_only(settings: Settings) -> None:
    """Letters of real people would be open to whoever reaches the server."""
    assert is_offered(settings)
    assert not is_offered(replace(settings, environment="production"))
    assert not is_offered(replace(settings, smtp_url="smtp://mail:25"))
    assert not is_offered(replace(settings, public_url="http://192.168.1.7:8000"))
    assert not is_offered(replace(settings, public_url="https://id.example.org"))
