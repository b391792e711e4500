"""Events reach the operator's webhook: at least once, signed, in spite of everything that can be away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from app.database import Database, Transaction
from app.ids import Ids
from app.outbox import (
    BATCH,
    FIRST_RETRY,
    FORGET_AFTER,
    GIVE_UP_AFTER,
    LONGEST_RETRY,
    REQUEST_TIMEOUT_S,
    Deliverer,
    Outbox,
    Webhook,
)
from app.queries import Queries
from tests.fakes import FixedClock
from tests.webhook_receiver import Receiver, receiving

SECRET = bytes(range(32))
QUERIES = Path(__file__).parents[3] / "sql" / "queries"


@dataclass(kw_only=True)
class Post:
    """An outbox, its deliverer and the receiver."""

    database: Database
    outbox: Outbox
    deliverer: Deliverer
    receiver: Receiver
    clock: FixedClock
    sql: asyncpg.Connection

    async def write(self, word: str = "hello") -> None:
        await self.database.transact(lambda tx: self.outbox.add(tx, "greeted", {"word": word}))

    def another_deliverer(self, *secrets: bytes) -> Deliverer:
        webhook = Webhook(url=self.receiver.url, secrets=secrets or (SECRET,), clock=self.clock)
        return Deliverer(outbox=self.outbox, webhook=webhook, clock=self.clock)


@pytest.fixture
async def post(database_url: str, clock: FixedClock, ids: Ids) -> AsyncIterator[Post]:
    database = Database(url=database_url, queries=Queries.load(QUERIES))
    await database.open()
    outbox = Outbox(database=database, clock=clock, ids=ids)
    sql = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    async with receiving(SECRET) as receiver:
        webhook = Webhook(url=receiver.url, secrets=(SECRET,), clock=clock)
        deliverer = Deliverer(outbox=outbox, webhook=webhook, clock=clock)
        yield Post(database=database, outbox=outbox, deliverer=deliverer, receiver=receiver, clock=clock, sql=sql)
        await deliverer.close()
    await sql.close()
    await database.close()


async def test_an_event_arrives_signed_and_once(post: Post) -> None:
    """The other system would not hear of the deed, or could not tell our word from anybody's."""
    await post.write()
    assert await post.deliverer.deliver_due() == 1
    ((identifier, said),) = post.receiver.taken
    assert said["type"] == "greeted"
    assert said["data"] == {"word": "hello"}
    assert said["timestamp"] == "2026-11-20T12:00:00.000Z"
    assert identifier
    post.clock.advance(LONGEST_RETRY.total_seconds())
    assert await post.deliverer.deliver_due() == 0


async def test_an_event_of_a_deed_undone_is_never_sent(post: Post) -> None:
    """The other system would act on what never happened."""

    async def fails(tx: Transaction) -> None:
        await post.outbox.add(tx, "greeted", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await post.database.transact(fails)
    assert await post.deliverer.deliver_due() == 0


@pytest.mark.parametrize("status", [500, 302, 400])
async def test_a_refused_event_comes_back_later_and_later(post: Post, status: int) -> None:
    """An hour of the receiver's downtime would lose events, or drown it in tries when it comes back."""
    await post.write()
    post.receiver.status = status
    waited = FIRST_RETRY.total_seconds()
    for tries in range(1, 5):
        assert await post.deliverer.deliver_due() == 1
        assert post.receiver.tries == tries  # a redirect is not followed
        post.clock.advance(waited - 1)
        assert await post.deliverer.deliver_due() == 0
        post.clock.advance(1)
        waited *= 2
    post.receiver.status = 204
    await post.deliverer.deliver_due()
    assert len(post.receiver.taken) == 1


async def test_a_process_that_dies_between_taking_and_sending_loses_nothing(post: Post) -> None:
    """A kill at the wrong moment would swallow the event."""
    await post.write()
    assert len(await post.outbox.take_due()) == 1  # and the process is gone
    assert await post.deliverer.deliver_due() == 0
    post.clock.advance(FIRST_RETRY.total_seconds())
    assert await post.deliverer.deliver_due() == 1
    assert len(post.receiver.taken) == 1


async def test_fifty_deliverers_share_the_work(post: Post) -> None:
    """Each instance behind a proxy would send every event once more."""
    for number in range(BATCH * 3):
        await post.write(str(number))
    deliverers = [post.another_deliverer() for _ in range(50)]
    await asyncio.gather(*(each.deliver_due() for each in deliverers))
    words = [said["data"]["word"] for _, said in post.receiver.taken]
    assert sorted(words, key=int) == [str(number) for number in range(BATCH * 3)]
    for each in deliverers:
        await each.close()


async def test_an_event_under_way_is_sent_by_nobody_else(post: Post) -> None:
    """A receiver that takes its time would get each event once from every instance."""
    await post.write()
    assert len(await post.outbox.take_due()) == 1  # and the receiver thinks about it
    post.clock.advance(REQUEST_TIMEOUT_S)
    assert await post.deliverer.deliver_due() == 0


async def test_both_secrets_sign_while_one_replaces_the_other(post: Post) -> None:
    """Changing the secret would make the receiver refuse everything until it changed too."""
    await post.write()
    rotating = post.another_deliverer(b"a-new-secret-of-32-bytes-0123456", SECRET)
    await rotating.deliver_due()
    assert len(post.receiver.taken) == 1
    await rotating.close()


async def test_a_receiver_that_is_not_there_is_no_failure_of_ours(post: Post) -> None:
    """One dead receiver would stop all events, or the server."""
    await post.write()
    nowhere = Webhook(url="http://127.0.0.1:1", secrets=(SECRET,), clock=post.clock)
    lost = Deliverer(outbox=post.outbox, webhook=nowhere, clock=post.clock)
    assert await lost.deliver_due() == 1
    await lost.close()
    post.clock.advance(FIRST_RETRY.total_seconds())
    await post.deliverer.deliver_due()
    assert len(post.receiver.taken) == 1


async def test_old_events_are_given_up_and_then_forgotten(post: Post) -> None:
    """The table would grow for ever, with people's names in it."""
    await post.write()
    post.clock.advance(GIVE_UP_AFTER.total_seconds() + 1)
    assert await post.deliverer.deliver_due() == 0
    await post.outbox.forget_old()
    assert await post.sql.fetchval("select count(*) from outbox_events") == 1
    post.clock.advance(FORGET_AFTER.total_seconds())
    await post.outbox.forget_old()
    assert await post.sql.fetchval("select count(*) from outbox_events") == 0


async def test_without_a_webhook_old_events_are_forgotten_all_the_same(post: Post) -> None:
    """The table would grow for ever where nobody listens."""
    await post.write()
    post.clock.advance(FORGET_AFTER.total_seconds() + 1)
    nobody = Deliverer(outbox=post.outbox, webhook=None, clock=post.clock)
    nobody.open()
    async with asyncio.timeout(10):
        while await post.sql.fetchval("select count(*) from outbox_events"):
            await asyncio.sleep(0.02)
    await nobody.close()


async def test_the_running_deliverer_needs_nobody_to_call_it(post: Post) -> None:
    """Events would wait for a restart."""
    running = post.another_deliverer()
    running.open()
    await post.write()
    async with asyncio.timeout(10):
        while not post.receiver.taken:
            await asyncio.sleep(0.02)
    await running.close()
