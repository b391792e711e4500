"""A small MaxMind DB file, as an operator would have one: a few networks of documented cities."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

LONDON, BERLIN, POTSDAM, SYDNEY, SOMEWHERE_IN_THE_US = "81.2.69.142", "85.214.1.1", "87.128.1.1", "1.128.0.1", "8.8.8.8"
BERLIN_V6 = "2a01:238:1::1"

_PLACES: Mapping[str, tuple[str, float, float, int]] = {
    "81.2.69.0/24": ("GB", 51.51, -0.13, 10),
    "85.214.0.0/16": ("DE", 52.52, 13.40, 20),
    "87.128.0.0/16": ("DE", 52.40, 13.06, 20),
    "2a01:238::/32": ("DE", 52.52, 13.40, 20),
    "1.128.0.0/16": ("AU", -33.87, 151.21, 50),
    "8.8.0.0/16": ("US", 37.75, -97.82, 1000),
}


def write_places(path: Path, *, kind: str = "GeoLite2-City", with_cities: bool = True) -> Path:
    """Writes the file; without cities it tells countries only."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind, description="for tests")
    for network, (country, latitude, longitude, radius) in _PLACES.items():
        record: dict[str, Any] = {"country": {"iso_code": country}}
        if with_cities:
            record["location"] = {"latitude": latitude, "longitude": longitude, "accuracy_radius": radius}
        writer.insert_network(IPSet([str(ip_network(network))]), record)
    writer.to_db_file(str(path))
    return path
