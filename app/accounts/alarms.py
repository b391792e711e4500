"""What is suspicious about an account: written into its log with the deed, and told to its owner after the answer.

The log is written in the deed's own transaction. The letter, its link and its limit wait until that has committed and
the answer is out: a crash in between costs a letter, and nothing that was promised. It goes to the account's address
whether or not that was proved, because whoever reads that mailbox could have a new password mailed to it anyway, and
most who never proved theirs are its owners. An account without an address is told by its log alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from app.accounts.alarm_letters import Circumstances, suspicious
from app.accounts.devices import DeviceNames
from app.accounts.failure_bursts import BURST, FailureBursts
from app.accounts.limits import ALARMS_PER_ACCOUNT_DAILY, ALARMS_PER_ACCOUNT_HOURLY
from app.accounts.model import Origin
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.geoip import Places
from app.ids import Ids
from app.mail import Mail
from app.rate_limits import RateLimits
from app.secrets import digest

LINK_TTL = timedelta(days=7)
LINK_BYTES = 48


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """Something that its owner should hear of."""

    event: AuditEvent
    detail: Mapping[str, object] = field(default_factory=dict)


class Alarms:
    """Writes down and tells."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        bursts: FailureBursts,
        limits: RateLimits,
        post: Post,
        places: Places,
        device_names: DeviceNames,
        clock: Clock,
        ids: Ids,
        public_url: str,
    ) -> None:
        self._database = database
        self._audit = audit
        self._bursts = bursts
        self._limits = limits
        self._post = post
        self._places = places
        self._device_names = device_names
        self._clock = clock
        self._ids = ids
        self._public_url = public_url

    async def raise_in(
        self,
        tx: Transaction,
        account_id: UUID,
        suspicions: Sequence[Suspicion],
        *,
        origin: Origin,
        since: datetime | None = None,
    ) -> None:
        """Writes all of them into the log, and sends one letter about them once `tx` has committed.

        The letter's link takes back what happened to the account from `since` on; left out, from now on.
        """
        now = self._clock.now()
        for each in suspicions:
            await self._audit.record(
                each.event, account_id=account_id, origin=origin, detail=each.detail, tx=tx, now=now
            )
        events = frozenset(each.event for each in suspicions)
        write = partial(self._limited_letter, account_id, events, origin, now, since or now)
        tx.once_committed(lambda: self._post.compose(write, what=f"alarm to account {account_id}"))

    def failed(self, account_id: UUID, *, origin: Origin) -> None:
        """Counts one more sign-in of the account whose password, code, face or passkey was wrong; after the answer."""
        self._post.compose(partial(self._burst_letter, account_id, origin), what=f"failure of account {account_id}")

    async def _burst_letter(self, account_id: UUID, origin: Origin) -> Mail | None:
        began = await self._bursts.count(account_id)
        if began is None:
            return None
        event = AuditEvent.FAILURE_BURST
        await self._audit.record(event, account_id=account_id, origin=origin, detail={"failures": BURST})
        # Limited to one a day by itself: no other alarm can use up its share, nor it theirs.
        return await self._letter(account_id, frozenset({event}), origin, self._clock.now(), began)

    async def _limited_letter(
        self, account_id: UUID, events: frozenset[AuditEvent], origin: Origin, at: datetime, since: datetime
    ) -> Mail | None:
        try:
            await self._limits.spend_each(
                (ALARMS_PER_ACCOUNT_HOURLY, str(account_id)), (ALARMS_PER_ACCOUNT_DAILY, str(account_id))
            )
        except Problem as problem:
            if problem.code is not Code.RATE_LIMITED:
                raise
            return None
        return await self._letter(account_id, events, origin, at, since)

    async def _letter(
        self, account_id: UUID, events: frozenset[AuditEvent], origin: Origin, at: datetime, since: datetime
    ) -> Mail | None:
        """The letter, with a link that is good from now on; None for an account without an address, or gone."""
        token, now = self._ids.token(LINK_BYTES), self._clock.now()
        email = await self._database.scalar(
            self._database.queries.not_me_link_open,
            link_id=self._ids.uuid7(),
            account_id=account_id,
            token_hash=digest(token),
            settled=now - LINK_TTL,
            happened_at=since,
            now=now,
            expires_at=now + LINK_TTL,
        )
        if email is None:
            return None
        seen = Circumstances(
            at=at,
            device=await self._device_names.of(origin.shown_user_agent),
            ip=origin.shown_ip,
            country=self._places.of(origin.ip).country,
        )
        # In the fragment, which reaches no server: a path would stand in the logs of everything on the way.
        return suspicious(email, events, seen, f"{self._public_url}/not-me#token={token}", lives=LINK_TTL)
