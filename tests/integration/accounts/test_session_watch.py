"""The look that each open socket waits for: what it costs, whoever's account it is."""

from app.accounts.session_watch import OVERLAP, SessionWatch
from app.database import Database, Row
from app.queries import Queries, Query
from tests.integration.accounts.conftest import HOME, QUERIES, Slice

MANY = 5_000


class Counting(Database):
    """Counts the rows of the last answer."""

    rows = 0

    async def many(self, query: Query, **values: object) -> list[Row]:
        found = await super().many(query, **values)
        self.rows = len(found)
        return found


async def test_a_look_reads_what_is_new_however_many_sessions_an_account_has(world: Slice) -> None:
    """Somebody whose script signs in for days, and who keeps one socket open, would have a hundred thousand rows read
    every 0.7 seconds, and nobody else would be answered."""
    ada = await world.signup()
    phone, tablet = await world.another_session(ada), await world.another_session(ada)
    assert world.settings.database_url is not None
    database = Counting(url=world.settings.database_url, queries=Queries.load(QUERIES))
    await database.open()
    watch = SessionWatch(database=database, clock=world.clock)

    async def rows_of_a_look() -> int:
        await watch.look()
        return database.rows

    async with watch.watching(ada.viewer) as watched:
        for revoked_at in (None, world.clock.now()):
            await world.sql.execute(
                "insert into sessions (id, account_id, method, expires_at, revoked_at) "
                f"select gen_random_uuid(), account_id, method, expires_at, $1 "
                f"from sessions s, generate_series(1, {MANY}) where id = $2",
                revoked_at,
                ada.viewer.session_id,
            )
        assert await rows_of_a_look() == MANY + 1, "all that ended is news, once"
        world.clock.advance(OVERLAP.total_seconds() + 1)
        assert await rows_of_a_look() <= MANY + 1
        assert await rows_of_a_look() == 1
        assert watched.revoked.qsize() == MANY
        # What comes late, by a transaction that took its time, is told all the same; and one's own end.
        await world.sql.execute(
            "update sessions set revoked_at = $1 where id = $2",
            world.clock.now() - OVERLAP / 2,
            phone.viewer.session_id,
        )
        assert await rows_of_a_look() == 2
        async with watch.watching(tablet.viewer) as newcomer:
            await world.sessions.sign_out(
                account_id=ada.viewer.account_id, session_id=ada.viewer.session_id, origin=HOME
            )
            await watch.look()
            assert watched.ended.is_set()
            assert not newcomer.ended.is_set()
            assert newcomer.revoked.qsize() == 1
        assert watched.revoked.qsize() == MANY + 2
    await watch.close()
    await database.close()
