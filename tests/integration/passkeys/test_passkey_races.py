"""Passkeys used, added and removed by many at once.

The attempts meet: a lock of the test's own lets all of them read, and stops each at its first write.
"""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from typing import Any

from app.accounts.model import Origin, SignedIn, Viewer
from app.accounts.passkeys import MOST_PASSKEYS
from app.audit import AuditEvent
from app.errors import Problem
from app.wiring import Services
from tests.fakes import Mailbox
from tests.integration.passkeys.conftest import Owner, Town
from tests.passkey_device import Device, saying

MANY = 50
CONNECTIONS = 10
BROWSER = Origin(ip="192.0.2.1", device="a browser of its own")
WAITING = "select count(distinct pid) from pg_locks where not granted"


async def meeting(town: Town, table: str, *attempts: Sequence[Awaitable[Any]]) -> list[Any]:
    """How all ended; each group has come to its wait before the next begins."""
    running: list[asyncio.Future[Any]] = []
    async with town.sql.transaction():
        await town.sql.execute(f"lock table {table} in share mode")
        for group in attempts:
            running += [asyncio.ensure_future(attempt) for attempt in group]
            while await town.sql.fetchval(WAITING) < min(len(running), CONNECTIONS):
                await asyncio.sleep(0)
    return await asyncio.gather(*running, return_exceptions=True)


def sorted_out(ended: Sequence[Any]) -> tuple[list[Any], list[str | None]]:
    """What succeeded, and why the rest was refused."""
    refused = [end for end in ended if isinstance(end, Problem)]
    assert not [end for end in ended if isinstance(end, BaseException) and not isinstance(end, Problem)]
    return [end for end in ended if not isinstance(end, Problem)], [end.reason for end in refused]


async def viewer_of(owner: Owner, services: Services) -> Viewer:
    assert owner.visitor.access_token is not None
    return await services.sessions.authenticate(owner.visitor.access_token)


async def test_one_answer_opens_one_session(town: Town, services: Services) -> None:
    """Whoever copies an answer while it is on its way would be in as well."""
    ada = await town.owner(counts=False)
    proofs, before = services.passkey_proofs, await town.sessions()
    begun = await proofs.begin_login(origin=BROWSER)
    answer = {"challenge_id": begun.challenge_id, "credential": ada.device.get(begun.options)}
    attempts = [proofs.login(**answer, origin=BROWSER) for _ in range(MANY)]
    opened, refused = sorted_out(await asyncio.gather(*attempts, return_exceptions=True))
    assert len(opened) == 1
    assert isinstance(opened[0], SignedIn)
    assert refused == ["CHALLENGE_OVER"] * (MANY - 1)
    assert await town.sessions() == before + 1


async def test_of_fifty_answers_with_one_count_one_is_taken(town: Town, services: Services) -> None:
    """Copies of a security key that are used at the same moment would all be taken for the one."""
    ada = await town.owner()
    proofs, before = services.passkey_proofs, await town.sessions()
    begun = [await proofs.begin_login(origin=BROWSER) for _ in range(MANY)]
    says = saying(count=7)
    attempts = [
        proofs.login(challenge_id=each.challenge_id, credential=ada.device.get(each.options, says), origin=BROWSER)
        for each in begun
    ]
    opened, refused = sorted_out(await meeting(town, "passkeys", attempts))
    assert len(opened) == 1
    assert refused == ["PASSKEY_COPY_SUSPECTED"] * (MANY - 1)
    assert await town.sessions() == before + 1
    assert len(await town.events(AuditEvent.PASSKEY_COPY_SUSPECTED)) == MANY - 1


async def test_fifty_additions_at_once_stop_at_twenty(town: Town, services: Services) -> None:
    """The bound would be one on paper."""
    ada = await town.owner()
    viewer, created = await viewer_of(ada, services), []
    for _ in range(MANY):
        await town.forget_limits()
        begun = await services.passkeys.begin_registration(viewer, origin=BROWSER)
        credential = Device(algorithm="EdDSA").create(begun.options)
        created.append({"challenge_id": begun.challenge_id, "credential": credential})
    await town.forget_limits()
    attempts = [services.passkeys.finish_registration(viewer, **each, origin=BROWSER) for each in created]
    added, refused = sorted_out(await meeting(town, "passkeys", attempts))
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
    attempts = [services.passkeys.remove(viewer, each, origin=BROWSER) for each in ids]
    removed, refused = sorted_out(await meeting(town, "passkeys", attempts))
    assert len(removed) == 1
    assert set(refused) == {None, "LAST_SIGN_IN_METHOD"}
    assert await town.sql.fetchval("select count(*) from passkeys") == 1


async def test_a_reset_ends_the_sign_in_that_is_under_way(town: Town, services: Services, mailbox: Mailbox) -> None:
    """The thief for whose sake the password is reset would slip in by a key of their own at that very moment."""
    thief = await town.owner()
    await services.recovery.request(email="ada@example.org", origin=BROWSER)
    await services.background.settled()
    token = re.search(r"/reset#token=(\S+)", mailbox.sent[-1].text)
    assert token is not None
    begun = await services.passkey_proofs.begin_login(origin=BROWSER)
    answer = {"challenge_id": begun.challenge_id, "credential": thief.device.get(begun.options)}
    entering = services.passkey_proofs.login(**answer, origin=BROWSER)
    resetting = services.recovery.reset(token=token[1], password="a brand new wheelbarrow", origin=BROWSER)
    ended, refused = sorted_out(await meeting(town, "sessions", [entering], [resetting]))
    assert (len(ended), refused) == (2, [])
    assert await town.sessions() == 0
    assert await town.sql.fetchval("select count(*) from passkeys") == 0
