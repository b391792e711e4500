"""Where an address is, by a MaxMind DB file of the operator's own; no service is asked.

The file is mapped into memory: a newer one is moved into its place (as geoipupdate does), never written over it, and
read from the next start on.
"""

import ipaddress
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import maxminddb

log = logging.getLogger(__name__)

EARTH_RADIUS_KM = 6371.0
# A coordinate that may be farther off says which country, not where in it: without a city it is that of the middle.
MAX_ACCURACY_RADIUS_KM = 200
_PROBES = (*(f"{first}.0.0.1" for first in range(1, 224)), "2001:4860::1", "2a00::1", "2400::1", "2600::1")


class GeoIpError(Exception):
    """Raised when the file is no MaxMind DB of countries or cities, or is damaged; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is known of where an address is; `country` is its ISO 3166-1 code."""

    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def km_to(self, other: "Place") -> float | None:
        """The great-circle distance; None where either has no coordinates."""
        if self.latitude is None or self.longitude is None or other.latitude is None or other.longitude is None:
            return None
        here, there = math.radians(self.latitude), math.radians(other.latitude)
        half_lat, half_lon = (there - here) / 2, math.radians(other.longitude - self.longitude) / 2
        chord = math.sin(half_lat) ** 2 + math.cos(here) * math.cos(there) * math.sin(half_lon) ** 2
        return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


NOWHERE = Place()


class Places:
    """Looks addresses up; without a file, every one is nowhere."""

    def __init__(self, reader: maxminddb.Reader | None = None) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: Path | None) -> "Places":
        """Opens the file and looks all over it; raises GeoIpError for one that is damaged or of another kind."""
        if path is None:
            return cls()
        try:
            reader = maxminddb.open_database(path)
        except (maxminddb.InvalidDatabaseError, OSError, ValueError, UnicodeDecodeError) as error:
            raise GeoIpError(f"{path} is no MaxMind DB, or is damaged: {error}") from error
        try:
            kind = reader.metadata().database_type
            if "City" not in kind and "Country" not in kind:
                raise GeoIpError(f"{path} is a database of {kind}; one of countries or cities is needed")
            for address in _PROBES:
                if reader.metadata().ip_version == 6 or "." in address:
                    _place(reader.get(address))
        except (maxminddb.InvalidDatabaseError, ValueError, UnicodeDecodeError) as error:
            reader.close()
            raise GeoIpError(f"{path} is damaged: {error}") from error
        except GeoIpError:
            reader.close()
            raise
        return cls(reader)

    @property
    def are_known(self) -> bool:
        """Whether there is a file."""
        return self._reader is not None

    @property
    def told(self) -> str:
        """What the file is and when it was built, for an operator."""
        if self._reader is None:
            return "no GEOIP_FILE: countries are not told"
        metadata = self._reader.metadata()
        built = datetime.fromtimestamp(metadata.build_epoch, tz=UTC)
        return f"{metadata.database_type}, built {built:%Y-%m-%d}, {metadata.node_count} nodes"

    def of(self, ip: str | None) -> Place:
        """Where the address is; nowhere for one that is private, unknown or none. Never raises."""
        if self._reader is None or not ip:
            return NOWHERE
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return NOWHERE
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if not address.is_global:
            return NOWHERE
        try:
            return _place(self._reader.get(address))
        except (maxminddb.InvalidDatabaseError, ValueError) as error:  # an IPv6 address, where the file has none
            log.info("GEOIP_FILE does not answer: %s", type(error).__name__)
            return NOWHERE

    def close(self) -> None:
        """Lets go of the file."""
        if self._reader is not None:
            self._reader.close()


def _place(record: Any) -> Place:
    if not isinstance(record, Mapping):
        return NOWHERE
    country, location = record.get("country"), record.get("location")
    code = country.get("iso_code") if isinstance(country, Mapping) else None
    known = Place(country=code if isinstance(code, str) and len(code) == 2 and code.isalpha() else None)
    if not isinstance(location, Mapping):
        return known
    latitude, longitude = _degrees(location.get("latitude"), 90), _degrees(location.get("longitude"), 180)
    radius = location.get("accuracy_radius")
    if latitude is None or longitude is None or (isinstance(radius, int) and radius > MAX_ACCURACY_RADIUS_KM):
        return known
    return Place(country=known.country, latitude=latitude, longitude=longitude)


def _degrees(value: object, most: int) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= most else None
