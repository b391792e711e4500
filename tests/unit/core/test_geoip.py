"""Places by a file on this machine: what it tells, what it keeps quiet about, and what it refuses to be."""

from pathlib import Path

import pytest

from app.geoip import NOWHERE, GeoIpError, Place, Places
from app.settings import Settings, SettingsError
from tests.geoip_file import BERLIN, BERLIN_V6, LONDON, SOMEWHERE_IN_THE_US, SYDNEY, write_places


@pytest.fixture(scope="module")
def city_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("geoip") / "cities.mmdb")


@pytest.fixture
def places(city_file: Path) -> Places:
    return Places.open(city_file)


def test_an_address_has_a_country_and_a_place_in_it(places: Places) -> None:
    """A sign-in from another country would look like one from home."""
    assert places.of(BERLIN) == places.of(BERLIN_V6) == places.of(f"::ffff:{BERLIN}") == places.of(f"{BERLIN_V6}%eth0")
    assert places.of(BERLIN).country == "DE"
    assert places.of(LONDON).country == "GB"
    assert places.are_known


@pytest.mark.parametrize(
    "ip", [None, "", "unknown", "10.0.0.1", "127.0.0.1", "192.168.1.1", "::1", "fe80::1%eth0", "192.0.2.1", "9.9.9.9"]
)
def test_private_unknown_and_broken_addresses_are_nowhere(places: Places, ip: str | None) -> None:
    """A colleague in the same office would seem to come from abroad, or a sign-in would fail over its address."""
    assert places.of(ip) == NOWHERE


def test_a_coordinate_that_says_nothing_is_not_taken(places: Places) -> None:
    """Half of a country would seem to sign in from the middle of it, and to have flown there."""
    assert places.of(SOMEWHERE_IN_THE_US) == Place(country="US")


def test_distances_are_those_of_the_globe(places: Places) -> None:
    """A flight that everybody takes would be called impossible, or the other way round."""
    berlin = places.of(BERLIN)
    assert berlin.km_to(places.of(LONDON)) == pytest.approx(931, abs=5)
    assert berlin.km_to(places.of(SYDNEY)) == pytest.approx(16_090, abs=60)
    assert berlin.km_to(berlin) == 0
    assert berlin.km_to(places.of(SOMEWHERE_IN_THE_US)) is None
    across = Place(latitude=0.0, longitude=179.5).km_to(Place(latitude=0.0, longitude=-179.5))
    assert across == pytest.approx(111, abs=1)
    assert Place(latitude=90.0, longitude=0.0).km_to(Place(latitude=-90.0, longitude=10.0)) == pytest.approx(
        20015, abs=1
    )


def test_a_country_file_tells_countries_only(tmp_path: Path) -> None:
    """An operator with the smaller file would get nothing, or a fault at each sign-in."""
    places = Places.open(write_places(tmp_path / "c.mmdb", kind="GeoLite2-Country", with_cities=False))
    assert places.of(BERLIN) == Place(country="DE")
    assert "GeoLite2-Country, built 20" in places.told


def test_without_a_file_every_address_is_nowhere() -> None:
    """Everybody without a licence for such a file could not sign in."""
    places = Places.open(None)
    assert (places.of(BERLIN), places.are_known) == (NOWHERE, False)
    assert "no GEOIP_FILE" in places.told
    places.close()


def test_a_damaged_file_is_refused_at_the_start(city_file: Path, tmp_path: Path) -> None:
    """It would be noticed by the first person who signs in, if at all."""
    whole = city_file.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"no database at all",
        "cut": whole[: len(whole) // 2],
        "without its tree": whole[2000:],
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(GeoIpError):
            Places.open(path)
        with pytest.raises(SettingsError, match="GEOIP_FILE"):
            Settings.from_environment({"GEOIP_FILE": str(path)})
    other = write_places(tmp_path / "isp.mmdb", kind="GeoIP2-ISP")
    with pytest.raises(GeoIpError, match="countries or cities"):
        Places.open(other)


def test_a_file_that_is_damaged_in_places_never_raises_at_a_request(city_file: Path, tmp_path: Path) -> None:
    """One bad sector would keep people from signing in."""
    whole = city_file.read_bytes()
    path, asked = tmp_path / "d.mmdb", (BERLIN, BERLIN_V6, LONDON, SYDNEY, SOMEWHERE_IN_THE_US)
    opened = 0
    for position in range(0, len(whole), 37):
        path.unlink(missing_ok=True)
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            places = Places.open(path)
        except GeoIpError:
            continue
        opened += 1
        for ip in asked:
            found = places.of(ip)
            assert found.country is None or len(found.country) == 2
        places.close()
    assert opened > 0
