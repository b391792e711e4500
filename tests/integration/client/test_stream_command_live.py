"""`bonafide stream` as the README's tour runs it, against the shipped server with real PostgreSQL and Redis."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.settings import Settings
from tests.running import PASSWORD, in_real_time, running


async def stream(url: str, source: Path, *more: str) -> int:
    """The command in a thread of its own, as it has an event loop of its own."""
    account = ["--email", "ada@example.org", "--password", PASSWORD]
    return await asyncio.to_thread(main, ["stream", str(source), "--url", url, *account, *more])


def events(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


@in_real_time
async def test_the_tour_of_the_readme_ends_with_the_badge(
    settings: Settings, astronaut_path: Path, grace_hopper_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it: a newcomer pastes the tour and it fails, or somebody else's face earns the badge."""
    async with running(settings) as server:
        url = server.http_url.replace("http", "ws", 1)
        assert await stream(url, astronaut_path, "--sign-up", "--photo", str(astronaut_path), "--json") == 0
        earned = events(capsys.readouterr().out)
        assert [event["type"] for event in earned if event["type"] != "feedback"] == [
            "photo",
            "ready",
            "step",
            "step",
            "step",
            "comparing",
            "result",
        ]
        assert earned[-1]["success"] is True
        poor = ("--fps", "8", "--delay-ms", "120", "--jitter-ms", "60", "--drop", "0.1")
        assert await stream(url, astronaut_path, *poor) == 0
        assert "verified at" in capsys.readouterr().out
        assert await stream(url, grace_hopper_path) == 1
        assert "not verified: FACE_MISMATCH" in capsys.readouterr().out


async def test_refusals_of_the_account_are_exit_code_one(
    settings: Settings, astronaut_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it: a script takes a wrong password for a server that is down."""
    async with running(settings) as server:
        url = server.http_url.replace("http", "ws", 1)
        assert await stream(url, astronaut_path) == 1
        assert "refused: UNAUTHENTICATED" in capsys.readouterr().err
        assert await stream(url, astronaut_path, "--sign-up") == 1
        assert "NO_PROFILE_PHOTO" in capsys.readouterr().out


@in_real_time
async def test_a_low_end_device_signs_in_with_the_face(
    settings: Settings, astronaut_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it: nobody sees how a device without WASM signs in by face; or an account's key stands on the screen."""
    async with running(settings) as server:
        url = server.http_url.replace("http", "ws", 1)
        login = ["stream", str(astronaut_path), "--url", url, "--login", "--json"]
        assert await asyncio.to_thread(main, [*login, "--name", "Eileen Collins"]) == 0
        made = events(capsys.readouterr().out)
        assert [event["type"] for event in made[-3:]] == ["comparing", "result", "signedIn"]
        assert made[-1]["isNewUser"] is True
        assert "ticket" not in made[-2]
        assert await asyncio.to_thread(main, login) == 0
        found = events(capsys.readouterr().out)[-1]
        assert (found["isNewUser"], found["handle"]) == (False, made[-1]["handle"])


async def test_it_is_clear_who_streams(astronaut_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it: somebody who forgets --email is told something about a password."""
    command = ["stream", str(astronaut_path), "--url", "ws://127.0.0.1:1"]
    assert await asyncio.to_thread(main, command) == 2
    assert "--email" in capsys.readouterr().err
    assert await asyncio.to_thread(main, [*command, "--login", "--email", "ada@example.org"]) == 2
    assert "--login" in capsys.readouterr().err
