"""The profile and its photo over REST."""

import re
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
    [
        ("GET", "/profile/me"),
        ("PATCH", "/profile/me"),
        ("POST", "/profile/avatar/presign"),
        ("POST", "/profile/avatar/commit"),
    ],
)
async def test_a_stranger_is_turned_away_before_anything_is_read(visitor: Visitor, method: str, path: str) -> None:
    """Somebody else could see or change a profile."""
    for headers in ({}, {"authorization": "Bearer a.b.c"}, {"authorization": "Basic YTpi"}):
        answer = await visitor.http.request(method, path, content=b"{", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_owner_changes_everything_of_source_b(visitor: Visitor) -> None:
    """The settings page of source B could not be saved."""
    await visitor.signup()
    change = {
        "display_name": "Ada Lovelace",
        "bio": "Notes on the Analytical Engine.\nNote G above all.",
        "privacy": {"visibility": "friends", "ghost_mode": True},
        "status": {"text": "computing", "emoji": "🧮"},
        "handle": "countess_ada",
    }
    changed = await sent(visitor, "PATCH", "/profile/me", change)
    assert changed.status_code == 200, changed.text
    profile = changed.json()
    said_at = profile["status"].pop("updated_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said_at)
    assert {name: profile[name] for name in change} == change
    profile["status"]["updated_at"] = said_at
    assert (await sent(visitor, "GET", "/profile/me")).json() == profile
    assert (await visitor.data(ME))["me"]["handle"] == "countess_ada"


async def test_what_is_not_named_stays(visitor: Visitor) -> None:
    """Saving one field would empty the others."""
    await visitor.signup()
    before = (await sent(visitor, "PATCH", "/profile/me", {"bio": "b", "status": {"text": "t", "emoji": "🚀"}})).json()
    after = (await sent(visitor, "PATCH", "/profile/me", {"privacy": {"ghost_mode": True}})).json()
    assert after == {**before, "privacy": {"visibility": "everyone", "ghost_mode": True}}
    emptied = (await sent(visitor, "PATCH", "/profile/me", {"status": {"emoji": ""}, "bio": ""})).json()
    assert (emptied["status"]["text"], emptied["status"]["emoji"], emptied["bio"]) == ("t", "", "")
    assert (await sent(visitor, "PATCH", "/profile/me", {})).json() == emptied


BAD_PATCHES: list[tuple[dict[str, Any], str]] = [
    ({"display_name": ""}, "display_name"),
    ({"display_name": None}, "display_name"),
    ({"display_name": 7}, "display_name"),
    ({"display_name": "x" * 101}, "display_name"),
    ({"display_name": "\u202eevil"}, "display_name"),
    ({"display_name": "\u200b"}, "display_name"),
    ({"bio": "x" * 501}, "bio"),
    ({"bio": None}, "bio"),
    ({"bio": ["x"]}, "bio"),
    ({"privacy": {"visibility": "nobody"}}, "privacy.visibility"),
    ({"privacy": {"visibility": None}}, "privacy.visibility"),
    ({"privacy": {"ghost_mode": "yes"}}, "privacy.ghost_mode"),
    ({"privacy": {"ghost_mode": None}}, "privacy.ghost_mode"),
    ({"privacy": {"friends": []}}, "privacy.friends"),
    ({"privacy": None}, "privacy"),
    ({"privacy": "everyone"}, "privacy"),
    ({"displayName": "Ada"}, "displayName"),
    ({"handle": "countess", "username": "lovelace"}, "username"),
    ({"username": "ab"}, "handle"),
    ({"status": {"text": "x" * 121}}, "status.text"),
    ({"status": {"text": "two\nlines"}}, "status.text"),
    ({"status": {"emoji": "🚀🚀"}}, "status.emoji"),
    ({"status": {"emoji": "x"}}, "status.emoji"),
    ({"status": {"updated_at": "2026-11-20T12:00:00.000Z"}}, "status.updated_at"),
    ({"handle": "ab"}, "handle"),
    ({"handle": "admin"}, "handle"),
    ({"handle": "\u0430da"}, "handle"),
    ({"handle": None}, "handle"),
    ({"email": "eve@example.org"}, "email"),
    ({"verified_at": "2026-11-20T12:00:00.000Z"}, "verified_at"),
    ({"id": "019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"}, "id"),
]


async def test_a_bad_field_is_named_and_nothing_is_written(visitor: Visitor) -> None:
    """Half of a form would be saved, and nobody would know which half."""
    await visitor.signup()
    before = (await sent(visitor, "GET", "/profile/me")).json()
    for change, field in BAD_PATCHES:
        refused = await sent(visitor, "PATCH", "/profile/me", {"bio": "new", **change})
        assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT"), change
        assert refused.json()["field"] == field, change
    assert (await sent(visitor, "GET", "/profile/me")).json() == before


async def test_no_words_of_the_program_are_told(visitor: Visitor) -> None:
    """A developer would read the name of a class of ours, and not what to send."""
    await visitor.signup()
    refused = await sent(visitor, "PATCH", "/profile/me", {"status": "away"})
    assert (refused.json()["field"], refused.json()["detail"]) == ("status", "Input should be an object.")


async def test_a_handle_may_be_called_a_username(visitor: Visitor) -> None:
    """A client written for sources C, D or E could not change it."""
    await visitor.signup()
    changed = await sent(visitor, "PATCH", "/profile/me", {"username": "countess"})
    assert (changed.status_code, changed.json()["handle"]) == (200, "countess")


async def test_a_handle_is_changed_once_in_thirty_days(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Names would change hands faster than people can follow, or one edge would allow what the other refuses."""
    await visitor.signup()
    other = Visitor(transport)
    await other.signup("grace")
    taken = await sent(visitor, "PATCH", "/profile/me", {"handle": "grace"})
    assert (taken.status_code, taken.json()["field"]) == (409, "handle")
    assert taken.json()["suggestions"]
    assert (await sent(visitor, "PATCH", "/profile/me", {"handle": "countess"})).status_code == 200
    again = await sent(visitor, "PATCH", "/profile/me", {"handle": "ada_again"})
    assert (again.status_code, again.json()["reason"]) == (429, "HANDLE_CHANGED_RECENTLY")
    held = await sent(other, "PATCH", "/profile/me", {"handle": "ada"})
    assert (held.status_code, held.json()["code"]) == (409, "CONFLICT")


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


NO_PHOTOS: list[tuple[dict[str, Any], int, str]] = [
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
]


async def test_an_upload_that_is_no_photo_is_not_signed(visitor: Visitor) -> None:
    """The store would fill with whatever people like to keep there."""
    await visitor.signup()
    for body, status, field in NO_PHOTOS:
        answer = await sent(visitor, "POST", "/profile/avatar/presign", body)
        assert (answer.status_code, answer.json()["field"]) == (status, field), body


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
