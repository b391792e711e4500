"""Registering at a campus, as the tests about it do."""

from app.accounts.model import Origin
from app.accounts.registration import Registered
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

TORONTO = "01900000-0000-7000-8000-00000000000c"
ADA = "ada@utoronto.ca"


def elsewhere(number: int) -> Origin:
    """One of many networks, so that their limit does not count."""
    return Origin(ip=f"198.51.{number // 250}.{number % 250}")


async def register(world: Slice, name: str = "ada", **change: object) -> Registered:
    """Registers `name`@utoronto.ca with the handle `name`."""
    given = {
        "email": f"{name}@utoronto.ca",
        "password": PASSWORD,
        "handle": name,
        "display_name": name.title(),
        "campus_id": TORONTO,
        "origin": HOME,
    }
    return await world.registration().register(**{**given, **change})  # type: ignore[arg-type]  # tests pass what is wrong, too


async def count(world: Slice, table: str) -> int:
    found: int = await world.sql.fetchval(f"select count(*) from {table}")
    return found


def link_in(text: str) -> str:
    return text.split("/verify-email#token=")[1].split()[0]
