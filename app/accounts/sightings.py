"""Where an account was seen, and what is new about a sign-in: a device, a country, a journey that nobody makes.

The statement that opens the session remembers and compares: nothing is lost in a crash, and of parallel sign-ins from
one new device exactly one finds it new. Whoever has no session before has no past to compare with.

Known is a device by what it holds, not by where it is: a cookie that was stolen stays known on another network, where
only the country and the journey can tell.
"""

from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.alarms import Alarms, Suspicion
from app.accounts.devices import device_keys
from app.accounts.model import Origin
from app.audit import AuditEvent
from app.clock import Clock
from app.database import Row, Transaction
from app.geoip import NOWHERE, Place, Places

FORGOTTEN_AFTER = timedelta(days=365)
# Airliners cruise at about 900 km/h, and nobody signs in the moment they board and alight.
IMPOSSIBLE_KM_PER_H = 1000
# Below it an address is too vague: city files are right within 50 km for some two addresses of three, and a mobile
# carrier's gateway may stand at the other end of a country.
LEAST_KM = 500


class Sightings:
    """Remembers, compares, and raises the alarm."""

    def __init__(self, *, places: Places, alarms: Alarms, clock: Clock) -> None:
        self._places = places
        self._alarms = alarms
        self._clock = clock

    def values(self, origin: Origin, *, now: datetime) -> dict[str, object]:
        """What the statement that opens a session needs to remember the sighting, and to compare it."""
        keys, place = device_keys(origin), self._places.of(origin.ip)
        return {
            "known_device": keys.stored,
            "accepted_devices": list(keys.accepted),
            "is_placed": place != NOWHERE,
            "country": place.country,
            "forgotten": now - FORGOTTEN_AFTER,
        }

    async def judge(self, tx: Transaction, account_id: UUID, seen: Row, *, origin: Origin) -> None:
        """Raises the alarm over what is new in what that statement gave back; `tx` holds the account's row."""
        place = self._places.of(origin.ip)
        if not seen["has_a_past"]:
            return
        suspicions = []
        if not seen["device_is_known"]:
            suspicions.append(Suspicion(event=AuditEvent.NEW_DEVICE))
        if place.country is not None and seen["has_countries"] and not seen["country_is_known"]:
            suspicions.append(Suspicion(event=AuditEvent.NEW_COUNTRY, detail={"country": place.country}))
        if (journey := self._journey(seen, place)) is not None:
            suspicions.append(journey)
        if suspicions:
            await self._alarms.raise_in(tx, account_id, suspicions, origin=origin)

    def _journey(self, seen: Row, place: Place) -> Suspicion | None:
        """The journey since the account was last seen, where nobody can have made it."""
        km = self._places.of(seen["last_ip"]).km_to(place)
        if km is None or km <= LEAST_KM:
            return None
        took_s = max((self._clock.now() - seen["last_seen_at"]).total_seconds(), 0)
        if km <= IMPOSSIBLE_KM_PER_H * took_s / 3600:
            return None
        detail = {"km": round(km), "minutes": round(took_s / 60)}
        return Suspicion(event=AuditEvent.IMPOSSIBLE_TRAVEL, detail=detail)
