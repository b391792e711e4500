"""Passkeys used, added and removed by many at once."""

import asyncio
from typing import Any

from app.accounts.model import Origin, SignedIn, Viewer
from app.accounts.passkeys import MOST_PASSKEYS
from app.audit import AuditEvent
from app.errors import Problem
from app.wiring import Services
from tests.integration.passkeys.conftest import Owner, Town
from tests.passkey_device import Device, saying

MANY = 50
BROWSER = Origin(ip="192.0.2.1", device="a browser of its own")


async def outcomes(attempts: list[Any]) -> tuple[list[Any], list[str | None]]:
    """What succeeded, and why the rest was refused."""
    ended = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [end for end in ended if isinstance(end, BaseException)]
    assert all(isinstance(end, Problem) for end in refused), refused
    return [end for end in ended if not isinstance(end, BaseException)], [end.reason for end in refused]  # type: ignore[union-attr]


async def viewer_of(owner: Owner, services: Services) -> Viewer:
    assert owner.visitor.access_token is not None
    return await services.sessions.authenticate(owner.visitor.access_token)


async def test_one_answer_opens_one_session(town: Town, services: Services) -> None:
    """Whoever copies an answer while it is on its way would be in as well."""
    ada = await town.owner(counts=False)
    proofs, before = services.passkey_proofs, await town.sessions()
    begun = await proofs.begin_login(origin=BROWSER)
    answer = {"challenge_id": begun.challenge_id, "credential": ada.device.get(begun.options)}
    opened, refused = await outcomes([proofs.login(**answer, origin=BROWSER) for _ in range(MANY)])
    assert len(opened) == 1
    assert isinstance(opened[0], SignedIn)
    assert refused == ["CHALLENGE_OVER"] * (MANY - 1)
    assert await town.sessions() == before + 1


async def test_of_fifty_answers_with_one_count_one_is_taken(town: Town, services: Services) -> None:
    """Copies of a security key that are used at the same moment would all be taken for the one."""
    ada = await town.owner()
    proofs, before = services.passkey_proofs, await town.sessions()
    begun = [await proofs.begin_login(origin=BROWSER) for _ in range(MANY)]
    attempts = [
        proofs.login(
            challenge_id=each.challenge_id, credential=ada.device.get(each.options, saying(count=7)), origin=BROWSER
        )
        for each in begun
    ]
    opened, refused = await outcomes(attempts)
    assert len(opened) == 1
    assert refused == ["PASSKEY_COPY_SUSPECTED"] * (MANY - 1)
    assert await town.sessions() == before + 1
    assert len(await town.events(AuditEvent.PASSKEY_COPY_SUSPECTED)) == MANY - 1


async def test_fifty_additions_at_once_stop_at_twenty(town: Town, services: Services) -> None:
    """The bound would be one on paper."""
    ada = await town.owner()
    viewer, attempts = await viewer_of(ada, services), []
    for number in range(MANY):
        if number % 20 == 0:
            await town.forget_limits()
        begun = await services.passkeys.begin_registration(viewer, origin=BROWSER)
        created = Device(algorithm="EdDSA").create(begun.options)
        attempts.append((begun.challenge_id, created))
    await town.forget_limits()
    add = services.passkeys.finish_registration
    added, refused = await outcomes(
        [add(viewer, challenge_id=name, credential=created, origin=BROWSER) for name, created in attempts]
    )
    assert len(added) == MOST_PASSKEYS - 1
    assert set(refused) == {"TOO_MANY_PASSKEYS"}
    assert await town.sql.fetchval("select count(*) from passkeys") == MOST_PASSKEYS


async def test_two_last_passkeys_never_go_together(town: Town, services: Services) -> None:
    """Two clicks at once would lock a person out of their account."""
    ada = await town.owner()
    await ada.add()
    await town.sql.execute("update accounts set password_hash = null")
    viewer = await viewer_of(ada, services)
    ids = [passkey.id for passkey in await services.passkeys.of(viewer)] * (MANY // 2)
    removed, _ = await outcomes([services.passkeys.remove(viewer, each, origin=BROWSER) for each in ids])
    assert len(removed) == 1
    assert await town.sql.fetchval("select count(*) from passkeys") == 1
