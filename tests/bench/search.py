"""The search of people among 100,000: how long a page takes, whatever is looked for.

The people are made up: names, headlines and skills as people have them, bios of words whose frequencies fall as those
of a language do. The queries go one after another to the service itself, as an edge would call it; they share the
machine with PostgreSQL and Redis, and nothing is warmed up but the connection.
"""

import asyncio
import random
import tempfile
import time
import unicodedata
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from app.accounts.model import Origin
from app.database import Database
from app.embedded import EmbeddedServices
from app.migrate import migrate
from app.pages import Connection
from app.profiles.directory import Directory
from app.profiles.model import Profile
from app.queries import Queries
from app.rate_limits import RateLimits

NAME = "search"
PEOPLE = 100_000
EACH = 60
PAGES_DEEP = 25
BAR_MS = 30.0
SEED = 3
QUERIES = Path(__file__).parents[2] / "sql" / "queries"

FIRST_NAMES = """
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica
Thomas Sarah Charles Karen Wei Fang Li Na Jun Ming Yuki Hiroshi Sakura Kenji Aisha Omar Fatima Yusuf Leila Priya Arjun
Ananya Rahul Sofía Mateo Camila Diego Luca Giulia Marco Emma Noah Olivia Liam Zoë José Élodie François Søren Łukasz
Jürgen Ingrid Björn Anastasia Dmitri Olga Kwame Amara Chidi Zanele Thabo Ada Grace Alan Margaret
"""
LAST_NAMES = """
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson Taylor Moore
Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Nguyen Hill Flores
Green Adams Nelson Baker Hall Campbell Carter Chen Wang Zhang Liu Yang Huang Zhao Tanaka Suzuki Sato Kim Park Choi Singh
Patel Sharma Kumar Gupta Khan Ali Müller Schmidt Weber Rossi Ferrari Silva Santos Kowalski Novák Ivanov Okafor Mensah
Dlamini Lovelace Hopper Turing
"""
TRADES = "Engineer Designer Manager Founder Photographer Actor Producer Student Researcher Writer Developer"
COMMON = """
and the of in for with from at building things people team years work love music travel coffee software design students
research open source community creative film stage city climbing reading history data tools web mobile learning machine
science art games cooking running
"""
GRADES = ("Senior", "Junior", "Lead", "Independent")
DEEP = ("engineer", "senior", "software", "python", "ma", "sm", "ada", "senior engineer", "creative film", "wei", "kim")
SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvz" for vowel in "aeiou"]


class Crowd:
    """Draws what people have and say.

    Of the words in bios three in five are everyday ones; the others are 20,000 made-up ones, of which the n-th is about
    1/n as frequent as the first (Zipf).
    """

    def __init__(self, draw: random.Random, *, skills: list[str]) -> None:
        self.draw = draw
        self.skills = skills
        self.first_names, self.last_names = FIRST_NAMES.split(), LAST_NAMES.split()
        self.trades, self.common = TRADES.split(), COMMON.split()
        self.made_up = ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(20_000)]
        self._weights = list(accumulate(1 / (rank + 20) for rank in range(len(self.made_up))))

    def name(self) -> str:
        """A first and a last name."""
        return f"{self.draw.choice(self.first_names)} {self.draw.choice(self.last_names)}"

    def word(self) -> str:
        """One of the made-up words, by its frequency."""
        return self.made_up[bisect(self._weights, self.draw.random() * self._weights[-1], hi=len(self.made_up) - 1)]

    def headline(self) -> str:
        """A grade, a trade and a place."""
        return f"{self.draw.choice(GRADES)} {self.draw.choice(self.trades)} at {self.word().title()}"

    def bio(self) -> str:
        """5 to 60 words, cut at 500 characters."""
        words = (
            self.draw.choice(self.common) if self.draw.random() < 0.6 else self.word()
            for _ in range(self.draw.randint(5, 60))
        )
        return " ".join(words)[:500]

    def queries(self) -> dict[str, list[str]]:
        """What people look for, by kind."""
        draw, rare = self.draw, self.made_up[len(self.made_up) // 2 :]
        common = [*GRADES, *self.trades, *self.common]
        kinds: dict[str, Callable[[], str]] = {
            "a whole name": self.name,
            "a name half typed": lambda: self.name()[: draw.randint(1, 9)],
            "a handle half typed": lambda: f"@{_handle(self.name(), draw.randrange(PEOPLE))}"[: draw.randint(3, 14)],
            "a skill": lambda: draw.choice(self.skills),
            "a word that a tenth or more have": lambda: draw.choice(common),
            "a word that few have": lambda: draw.choice(rare),
            "a word that nobody has": lambda: f"x{draw.choice(rare)}",
            "two words of the trade": lambda: f"{draw.choice(GRADES)} {draw.choice(self.trades)}",
            "a first name and a skill": lambda: f"{draw.choice(self.first_names)} {draw.choice(self.skills)}",
            "everyday words and a skill": lambda: " ".join((*draw.sample(self.common, 3), draw.choice(self.skills))),
            "two common words that nobody has together": lambda: " ".join(draw.sample(GRADES, 2)),
        }
        return {kind: [query() for _ in range(EACH)] for kind, query in kinds.items()}


def run() -> list[dict[str, Any]]:
    """Fills a database of its own, then asks."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServices.start(Path(folder)) as services:
        return asyncio.run(_measure(services))


async def _measure(services: EmbeddedServices) -> list[dict[str, Any]]:
    await migrate(services.database_url)
    sql = await asyncpg.connect(services.database_url.replace("+asyncpg", ""))
    skills = [row["name"] for row in await sql.fetch("select name from skills order by name")]
    crowd = Crowd(random.Random(SEED), skills=skills)
    began = time.perf_counter()
    await _fill(sql, crowd)
    filled_s = time.perf_counter() - began
    await sql.close()
    database = Database(url=services.database_url, queries=Queries.load(QUERIES))
    await database.open()
    redis = Redis.from_url(services.redis_url)
    searches = _Searches(Directory(database=database, limits=RateLimits(redis=redis)))
    await searches.took_ms("whatever opens the connection")
    took_ms = {kind: [await searches.took_ms(query) for query in queries] for kind, queries in crowd.queries().items()}
    took_ms[f"a page after {PAGES_DEEP} others"] = [await searches.deep_ms(query) for query in DEEP]
    await redis.aclose()
    await database.close()
    every = [each for kind in took_ms.values() for each in kind]
    return [
        {"what": f"filling in {PEOPLE:,} people, their index with them", "value": filled_s, "unit": "s"},
        *({"what": f"  p95 of {kind}", "value": _p95(times), "unit": "ms"} for kind, times in took_ms.items()),
        {
            "what": f"p95 of all {len(every)} searches",
            "value": _p95(every),
            "unit": "ms",
            "bar": f"<= {BAR_MS:.0f}",
            "met": _p95(every) <= BAR_MS,
        },
    ]


class _Searches:
    """Asks the directory, each time from another network, because the limit counts by it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._asked = 0

    async def took_ms(self, query: str) -> float:
        """How long the first page took."""
        return (await self._page(query))[0]

    async def deep_ms(self, query: str) -> float:
        """How long the page after `PAGES_DEEP` others took."""
        after = None
        for _ in range(PAGES_DEEP):
            _, found = await self._page(query, after=after)
            after = found.page_info.end_cursor
            assert found.page_info.has_next_page, query
        return (await self._page(query, after=after))[0]

    async def _page(self, query: str, *, after: str | None = None) -> tuple[float, Connection[Profile]]:
        self._asked += 1
        origin = Origin(ip=f"10.{self._asked >> 16}.{self._asked >> 8 & 255}.{self._asked & 255}")
        began = time.perf_counter()
        found = await self._directory.search(query=query, after=after, viewer=None, origin=origin)
        return (time.perf_counter() - began) * 1000, found


async def _fill(sql: asyncpg.Connection, crowd: Crowd) -> None:
    """Writes the people in the order in which they joined, one every ten minutes; one in ten is not to be found."""
    people, draw = [], crowd.draw
    for number in range(PEOPLE):
        joined_ms = 1_700_000_000_000 + number * 600_000
        account_id = UUID(int=joined_ms << 80 | 0x7 << 76 | 0b10 << 62 | draw.getrandbits(62))
        name = crowd.name()
        known = " ".join(draw.sample(crowd.skills, draw.randint(0, 12)))
        visibility = "everyone" if draw.random() < 0.9 else "none"
        privacy = f'{{"visibility": "{visibility}", "ghost_mode": false}}'
        people.append((account_id, _handle(name, number), name, crowd.headline(), known, crowd.bio(), privacy))
    await sql.copy_records_to_table("accounts", records=[person[:1] for person in people], columns=["id"])
    columns = ["account_id", "handle", "display_name", "headline", "skill_names", "bio", "privacy"]
    await sql.copy_records_to_table("profiles", records=people, columns=columns)
    await sql.execute("vacuum analyze profiles")


def _handle(name: str, number: int) -> str:
    plain = unicodedata.normalize("NFKD", name).lower().replace(" ", "_")
    return f"{''.join(c for c in plain if c.isascii() and (c.isalpha() or c == '_'))}{number}"


def _p95(times_ms: list[float]) -> float:
    return quantiles(times_ms, n=20, method="inclusive")[-1]
