"""Measure the gallery of enrolled faces, and suggest FACE_THRESHOLD and FACE_SEARCH_THRESHOLD for it.

  bonafide calibrate
  bonafide calibrate --target 0.0001 --list
  bonafide calibrate --json

Prints how often two people of this gallery are taken for one (FMR, from one pair for each two people) and one person's
pictures of two days for two people (FNMR), with exact 95 % intervals, over a sweep of thresholds; how often a search of
the whole gallery, and of larger ones, would find somebody for a stranger; and the largest thresholds that keep that
below the target. Where there are too few people to know, it says so and suggests nothing.

--target is how often a stranger may be taken for somebody: by one comparison for FACE_THRESHOLD, by one search of the
whole gallery for FACE_SEARCH_THRESHOLD. FACE_SEARCH_MARGIN, which refuses some of these, is not counted on.

The database is that of DATABASE_URL, else the embedded one under BONAFIDE_DATA, started for it where no server runs;
its schema must be up to date (bonafide migrate). Nothing is changed, and no template is ever printed. Exit code 0:
done; 1: the database is away or not up to date; 2: the options or the settings are at fault.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from app.commands.database import database_in_use
from app.database import Database
from app.embedded import EmbeddedError
from app.errors import Problem
from app.faces.calibration import (
    GALLERIES,
    SWEEP,
    Distances,
    Suggestion,
    false_matches_per_search,
    measure,
    suggest_for_comparison,
    suggest_for_search,
)
from app.faces.model import GallerySize
from app.faces.store import FaceStore
from app.migrate import MigrationError, pending
from app.queries import QUERIES, Queries
from app.settings import Settings, SettingsError
from facecore.confidence import Counted

MOST_PEOPLE = 10_000
"""Fifty million pairs of people, about a minute; larger galleries are measured on a sample."""
STATEMENT_TIMEOUT_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--target", metavar="SHARE", type=_share, default=0.001, help="largest share of errors (default: 0.001)"
    )
    parser.add_argument(
        "--people",
        metavar="N",
        type=_people,
        default=MOST_PEOPLE,
        help=f"measure at most N people, always the same ones (default: {MOST_PEOPLE})",
    )
    parser.add_argument("--list", action="store_true", help="name the accounts that may be one person's")


def run(options: argparse.Namespace) -> int:
    """Measures, prints the result; gives back the exit code."""
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with database_in_use(settings) as database_url:
            result = asyncio.run(_calibrate(options, settings, database_url))
    except Problem as problem:
        print(problem.detail, file=sys.stderr)
        return 1
    except (EmbeddedError, MigrationError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result) if options.json else _in_words(result))
    return 0


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return value


def _people(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("must be 2 or more")
    return value


async def _calibrate(options: argparse.Namespace, settings: Settings, database_url: str) -> dict[str, Any]:
    if await pending(database_url):
        raise MigrationError("The schema is not up to date. Run: bonafide migrate")
    database = Database(
        url=database_url,
        queries=Queries.load(QUERIES),
        max_connections=1,
        statement_timeout_s=STATEMENT_TIMEOUT_S,
    )
    await database.open()
    try:
        store = FaceStore(database=database)
        size = await store.counted()
        views = await store.sample(people=options.people)
    finally:
        await database.close()
    distances = measure(views, alike=settings.face_search_threshold)
    doubles = [
        {"accounts": [str(each.first), str(each.second)], "distance": round(each.distance, 4)}
        for each in distances.doubles
    ]
    return {
        "templates": size.templates,
        "people": size.people,
        "templates_of_other_kinds": size.of_other_kinds,
        "people_measured": len(views.starts),
        "same": len(distances.same),
        "different": distances.different,
        "in_use": {
            "face_threshold": settings.face_threshold,
            "face_search_threshold": settings.face_search_threshold,
            "face_search_margin": settings.face_search_margin,
        },
        "sweep": [_at(each, distances, size) for each in SWEEP],
        "target": options.target,
        "suggested": _suggested(distances, size, target=options.target),
        "possible_double_accounts": len(doubles),
        **({"double_accounts": doubles} if options.list else {}),
    }


def _at(threshold: float, distances: Distances, size: GallerySize) -> dict[str, Any]:
    fmr, fnmr = distances.fmr(threshold), distances.fnmr(threshold)
    return {
        "threshold": threshold,
        "fmr": _interval(fmr),
        "fnmr": _interval(fnmr),
        "false_matches_per_search": [
            {
                "people": people,
                "expected": None if fmr.rate is None else false_matches_per_search(fmr.rate, people),
                "at_most": false_matches_per_search(fmr.at_most, people),
            }
            for people in (size.people, *GALLERIES)
        ],
    }


def _interval(counted: Counted) -> dict[str, Any]:
    return {
        "errors": counted.errors,
        "trials": counted.trials,
        "rate": counted.rate,
        "at_least": counted.at_least,
        "at_most": counted.at_most,
    }


def _suggested(distances: Distances, size: GallerySize, *, target: float) -> dict[str, Any]:
    compared = suggest_for_comparison(distances, target=target)
    ceiling = SWEEP[-1] if compared.threshold is None else compared.threshold
    searched = suggest_for_search(distances, people=size.people, target=target, at_most=ceiling)
    return {"face_threshold": _one(compared), "face_search_threshold": _one(searched)}


def _one(suggestion: Suggestion) -> dict[str, Any]:
    return {"threshold": suggestion.threshold, "people_needed": suggestion.people_needed}


def _in_words(result: dict[str, Any]) -> str:
    people, measured, in_use = result["people"], result["people_measured"], result["in_use"]
    others = result["templates_of_other_kinds"]
    galleries = [each["people"] for each in result["sweep"][0]["false_matches_per_search"]]
    return "\n".join(
        [
            f"{result['templates']:,} templates of {people:,} people"
            + (f"; {others:,} more of another kind, never compared" if others else ""),
            f"measured: {'all of them' if measured == people else f'{measured:,} people, always the same ones'}: "
            f"{result['different']:,} pairs of two people, {result['same']:,} pairs of one person's days",
            f"in use: FACE_THRESHOLD={in_use['face_threshold']:g}, "
            f"FACE_SEARCH_THRESHOLD={in_use['face_search_threshold']:g}, "
            f"FACE_SEARCH_MARGIN={in_use['face_search_margin']:g}",
            "",
            "                                                    "
            "a stranger is found by a search of so many people, expected (at most)",
            "threshold  FMR (at most)        FNMR (at most)      " + "".join(f"{each:<20,}" for each in galleries),
            *(_row(each) for each in result["sweep"]),
            "",
            *(_suggestion(setting, words, result) for setting, words in _TARGETS.items()),
            *_doubles(result),
            "",
            *_CAVEATS,
        ]
    )


_TARGETS = {
    "face_threshold": "one comparison takes a stranger for somebody",
    "face_search_threshold": "one search of this gallery finds somebody for a stranger",
}
_CAVEATS = (
    "In brackets: the upper end of the exact 95 % interval. No error in n pairs proves at most 3.7 / n, so a small",
    "gallery says little about a large one. Pairs that share a person are not independent: the truth may lie a little",
    "farther out. Larger galleries are taken to hold people like these. FNMR counts kept templates only: pictures that",
    "lay farther than FACE_THRESHOLD from a person's first were refused, so people are missed more often than that.",
)


def _row(at: dict[str, Any]) -> str:
    searches = "".join(f"{_percent(each['expected'], each['at_most']):<20}" for each in at["false_matches_per_search"])
    fmr, fnmr = (_percent(at[name]["rate"], at[name]["at_most"]) for name in ("fmr", "fnmr"))
    return f"{at['threshold']:<11.2f}{fmr:<21}{fnmr:<20}{searches}".rstrip()


def _percent(rate: float | None, at_most: float) -> str:
    return "-" if rate is None else f"{_digits(100 * rate)} ({_digits(100 * at_most)}) %"


def _digits(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 9.95 else f"{percent:.2g}"


def _suggestion(setting: str, words: str, result: dict[str, Any]) -> str:
    suggested, promise = result["suggested"][setting], f"that {words} in at most {100 * result['target']:g} %"
    threshold, needed = suggested["threshold"], suggested["people_needed"]
    if threshold is not None:
        return f"{setting.upper()}={threshold:g} is the largest of which this gallery proves\n  {promise}"
    if result["people_measured"] >= needed:
        return f"{setting.upper()}: people here are too much alike; not even {SWEEP[0]:g} keeps {promise}"
    if result["people"] >= needed:
        return f"{setting.upper()}: too few were measured to suggest one; --people {needed} may prove {promise}"
    return (
        f"{setting.upper()}: too few people to suggest one; {needed:,} of whom no two are alike could prove\n"
        f"  {promise}"
    )


def _doubles(result: dict[str, Any]) -> list[str]:
    count, threshold = result["possible_double_accounts"], result["in_use"]["face_search_threshold"]
    if not count:
        return []
    lines = [
        f"Possible double accounts: {count:,}, pairs within {threshold:g} of each other: twins, or one person's two"
        + ("" if "double_accounts" in result else " (--list names them)"),
        "  The latter count above as errors: calibrate again without them.",
    ]
    for each in result.get("double_accounts", ()):
        lines.append(f"  {each['accounts'][0]}  {each['accounts'][1]}  {each['distance']:.3f}")
    return lines
