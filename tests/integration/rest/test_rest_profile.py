"""The profile and its photo over REST."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving import ME, Visitor


def bearer(visitor: Visitor) -> dict[str, str]:
    return {"authorization": f"Bearer {visitor.access_token}"}


async def sent(visitor: Visitor, method: str, path: str, body: Any = None) -> httpx.Response:
    """One request, signed in."""
    return await visitor.http.request(method, path, json=body, headers=bearer(visitor))


async def test_the_profile_is_the_one_of_source_b(visitor: Visitor) -> None:
    """A settings page written for source B would find its fields missing."""
    payload = await visitor.signup()
    answer = await sent(visitor, "GET", "/profile/me")
    assert answer.status_code == 200
    profile = answer.json()
    assert profile.pop("status").keys() == {"text", "emoji", "updated_at"}
    assert profile == {
        "id": payload["user"]["id"],
        "email": "ada@example.org",
        "email_verified": False,
        "handle": "ada",
        "display_name": "Ada",
        "bio": "",
        "avatar_url": None,
        "campus_id": None,
        "privacy": {"visibility": "everyone", "ghost_mode": False},
        "verified_at": None,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/profile/me"), ("POST", "/profile/avatar/presign"), ("POST", "/profile/avatar/commit")],
)
async def test_a_stranger_is_turned_away_before_anything_is_read(visitor: Visitor, method: str, path: str) -> None:
    """Somebody else could see or change a profile."""
    for headers in ({}, {"authorization": "Bearer a.b.c"}, {"authorization": "Basic YTpi"}):
        answer = await visitor.http.request(method, path, content=b"{", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_photo_is_announced_uploaded_and_committed(visitor: Visitor, astronaut_path: Path) -> None:
    """Nobody could show their face, or earn the badge against it."""
    await visitor.signup()
    photo = astronaut_path.read_bytes()
    presigned = (
        await sent(visitor, "POST", "/profile/avatar/presign", {"mime": "image/png", "bytes": len(photo)})
    ).json()
    assert presigned["expires_s"] == 600
    assert presigned["key"].startswith("avatars/")
    stored = await visitor.http.put(presigned["url"], content=photo, headers=presigned["headers"])
    assert stored.status_code == 200, stored.text
    committed = await sent(visitor, "POST", "/profile/avatar/commit", {"key": presigned["key"]})
    assert committed.status_code == 200, committed.text
    assert (await visitor.http.get(committed.json()["avatar_url"])).status_code == 200
    assert (await sent(visitor, "GET", "/profile/me")).json() == committed.json()
    assert (await visitor.data(ME))["me"]["avatarUrl"] == committed.json()["avatar_url"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"mime": "image/gif", "bytes": 10}, 400, "mime"),
        ({"mime": "image/png", "bytes": 0}, 400, "bytes"),
        ({"mime": "image/png", "bytes": -1}, 400, "bytes"),
        ({"mime": "image/png", "bytes": 5 * 1024 * 1024 + 1}, 413, "bytes"),
        ({"mime": "image/png", "bytes": 10**400}, 413, "bytes"),
        ({"mime": "image/png", "bytes": "10"}, 400, "bytes"),
        ({"mime": "image/png", "bytes": 10.5}, 400, "bytes"),
        ({"mime": "image/png", "bytes": True}, 400, "bytes"),
        ({"mime": "image/png"}, 400, "bytes"),
        ({"mime": "image/png", "bytes": 10, "key": "avatars/x"}, 400, "key"),
    ],
)
async def test_an_upload_that_is_no_photo_is_not_signed(
    visitor: Visitor, body: dict[str, Any], status: int, field: str
) -> None:
    """The store would fill with whatever people like to keep there."""
    await visitor.signup()
    answer = await sent(visitor, "POST", "/profile/avatar/presign", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_a_key_that_is_not_ones_own_is_not_committed(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Somebody could show another person's upload as theirs."""
    await visitor.signup()
    key = (await visitor.presign())["key"]
    other = Visitor(transport)
    await other.signup("eve")
    for given, status in ((key, 403), ("../../etc/passwd", 400), ("", 400), (key.replace("avatars", "uploads"), 400)):
        answer = await sent(other, "POST", "/profile/avatar/commit", {"key": given})
        assert (answer.status_code, answer.json()["field"]) == (status, "key"), given
    missing = await sent(visitor, "POST", "/profile/avatar/commit", {"key": key})
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
