"""What the parts of a profile may be."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Code, Problem
from app.profiles import rules
from app.profiles.model import ProfilePatch
from app.profiles.patches import Change, judged

SKILL = UUID("019aa3b5-ec00-73c6-869a-45b14da4f9fc")


def refusal(**fields: Any) -> str | None:
    """The field that a patch is refused for."""
    with pytest.raises(Problem) as caught:
        judged(ProfilePatch(**fields), of_campus=False)
    assert caught.value.code is Code.BAD_USER_INPUT
    return caught.value.field


@pytest.mark.parametrize("emoji", ["😀", "👩‍🚀", "🇩🇪", "1️⃣", "☺️", "👍🏽", "❤️‍🔥", "✈", ""])
def test_one_emoji_is_a_status(emoji: str) -> None:
    """People could not show the sign they chose."""
    assert rules.status({"emoji": emoji}) == {"emoji": emoji}


@pytest.mark.parametrize(
    "emoji",
    [
        "😀😀",
        "a",
        "1",
        "#",
        "👨‍👩‍👧‍👦",
        "🇩",
        "😀\u0301",
        "😀\u200d",
        "\u200d",
        "\ufe0f",
        "🏽😀",
        "🏽\u200d❤",
        "😀x",
        "<b>",
        "\u202e😀",
        "\ud83d",
        "😀" * 1000,
    ],
)
def test_anything_else_is_no_emoji(emoji: str) -> None:
    """Text, markup or a tower of marks could stand where pages leave room for one sign."""
    assert refusal(status={"emoji": emoji}) == "status.emoji"


@given(emoji=st.text(alphabet=st.sampled_from("😀👩🚀🇩🇪1#\u200d\ufe0f\u20e3🏽❤a\u0301"), max_size=6))
def test_an_accepted_emoji_is_one_grapheme(emoji: str) -> None:
    """A sequence of signs could pass for one and break the layout of every list."""
    try:
        rules.status({"emoji": emoji})
    except Problem:
        return
    assert emoji == "" or (regex.fullmatch(r"\X", emoji) and len(emoji) <= 4)


def test_a_status_of_120_characters() -> None:
    """People could lose the last of the words that they are allowed."""
    assert rules.status({"text": "é" * 120}) == {"text": "é" * 120}
    assert rules.status({"text": "e\u0301" * 120}) == {"text": "é" * 120}
    assert refusal(status={"text": "x" * 121}) == "status.text"
    assert refusal(status={"text": "two\nlines"}) == "status.text"


@pytest.mark.parametrize(
    ("given_url", "stored"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTPS://GitHub.com/Ada?tab=Repos#Top", "https://github.com/Ada?tab=Repos#Top"),
        ("  https://xn--bcher-kva.example/@ada  ", "https://xn--bcher-kva.example/@ada"),
        ("https://example.org?q=%C3%A4&x=(1)", "https://example.org?q=%C3%A4&x=(1)"),
        ("mailto:Ada@Example.org", "mailto:ada@example.org"),
    ],
)
def test_links_lead_where_they_say(given_url: str, stored: str) -> None:
    """A person could not link their own page."""
    assert rules.contact_links([{"kind": "Home", "url": given_url}]) == {"home": stored}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "http://example.org",
        "//example.org",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "https://",
        "https:///path",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://ada:secret@example.org/",
        "https://example.org@evil.example/",
        "https://example.org:8443/",
        "https://example.org\\@evil.example/",
        "https://example.org/<script>",
        'https://example.org/"onclick=',
        "https://example.org/a b",
        "https://example.org/\nx",
        "https://exa\tmple.org/",
        "https://exаmple.org/",
        "https://example.org/\u202egnp",
        "https://exam\u200bple.org",
        "https://\u212aelvin.example",
        "https://example.org/\0",
        "https://example.org/\ud800",
        "mailto:",
        "mailto:ada",
        "mailto:ada@example.org?subject=x",
        "mailto:ada@example.org\nBcc: all@example.org",
        "https://example.org/" + "x" * 500,
        "https://" + "a." * 100_000,
    ],
)
def test_links_that_mislead_are_refused(url: str) -> None:
    """A profile could run a script in a visitor's page, hide where a link leads, or point into our network."""
    assert refusal(contact_links=[{"kind": "home", "url": url}]) == "contactLinks"


@pytest.mark.parametrize("kind", ["", "two words", "<b>", "ключ", "x" * 31, "1st", "a\n", "a\0"])
def test_kinds_of_links_are_words(kind: str) -> None:
    """A kind is shown beside the link: markup in it would reach every visitor."""
    assert refusal(contact_links=[{"kind": kind, "url": "https://example.org"}]) == "contactLinks"


def test_ten_links_one_of_each_kind() -> None:
    """A profile could become a list of advertisements."""
    links = [{"kind": f"k{number}", "url": "https://example.org"} for number in range(11)]
    assert len(rules.contact_links(links[:10])) == 10
    assert refusal(contact_links=links) == "contactLinks"
    assert refusal(contact_links=[{"kind": k, "url": "https://example.org"} for k in ("web", "WEB")]) == "contactLinks"


def test_what_is_left_out_stays() -> None:
    """Saving one field of a form would wipe the others."""
    assert judged(ProfilePatch(), of_campus=False) == Change()
    change = judged(ProfilePatch(bio="Hello"), of_campus=False)
    assert change == Change(columns={"bio": "Hello"})


def test_null_empties_what_may_be_empty() -> None:
    """People could not take back what they once told."""
    emptied: Mapping[str, object] = {
        "bio": "",
        "headline": "",
        "location": "",
        "primary_category": "",
        "industry_role": "",
        "company_name": "",
        "timezone": None,
        "availability": None,
        "primary_role": None,
        "contact_links": {},
    }
    nothing: dict[str, Any] = dict.fromkeys((*emptied, "skill_ids", "status"))
    change = judged(ProfilePatch(**nothing), of_campus=False)
    assert change == Change(columns=emptied, skill_ids=(), status={"text": "", "emoji": ""})
    assert judged(ProfilePatch(status={"text": None}), of_campus=False).status == {"text": ""}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": None}, "displayName"),
        ({"display_name": "  "}, "displayName"),
        ({"display_name": "x" * 101}, "displayName"),
        ({"display_name": "evil\u202egnp.exe"}, "displayName"),
        ({"handle": None}, "handle"),
        ({"handle": "ab"}, "handle"),
        ({"handle": "аda"}, "handle"),
        ({"handle": "ada\u200b"}, "handle"),
        ({"handle": "ada'; drop table profiles; --"}, "handle"),
        ({"handle": "admin"}, "handle"),
        ({"privacy": None}, "privacy"),
        ({"privacy": {"visibility": None}}, "privacy.visibility"),
        ({"privacy": {"visibility": "EVERYBODY"}}, "privacy.visibility"),
        ({"privacy": {"ghost_mode": None}}, "privacy.ghostMode"),
        ({"privacy": {"ghost_mode": "yes"}}, "privacy.ghostMode"),
        ({"bio": "x" * 501}, "bio"),
        ({"bio": "nul\0"}, "bio"),
        ({"bio": "\u2066hidden"}, "bio"),
        ({"headline": "x" * 201}, "headline"),
        ({"headline": "two\nlines"}, "headline"),
        ({"location": "x" * 101}, "location"),
        ({"location": "\ud800"}, "location"),
        ({"primary_category": "x" * 101}, "primaryCategory"),
        ({"industry_role": "x" * 101}, "industryRole"),
        ({"company_name": "x" * 201}, "companyName"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"availability": "sometimes"}, "availability"),
        ({"primary_role": "king"}, "primaryRole"),
        ({"skill_ids": [str(SKILL)] * 31}, "skillIds"),
        ({"skill_ids": ["python"]}, "skillIds"),
        ({"status": {"text": "a\u202eb"}}, "status.text"),
    ],
)
def test_what_cannot_be_is_named(fields: dict[str, Any], field: str) -> None:
    """A form would fail without saying where, or keep what breaks every page that shows it."""
    assert refusal(**fields) == field


def test_members_of_a_campus_follow_its_rules() -> None:
    """A campus would list names that its other systems refuse."""
    for fields in ({"handle": "ada-lovelace"}, {"handle": "x" * 21}, {"display_name": "x" * 81}):
        with pytest.raises(Problem):
            judged(ProfilePatch(**fields), of_campus=True)
        judged(ProfilePatch(**fields), of_campus=False)


def test_a_bio_has_lines() -> None:
    """The paragraphs that somebody wrote would run together, or differ between browsers."""
    assert rules.bio(" one\r\ntwo\rthree \n") == "one\ntwo\nthree"


def test_a_skill_given_twice_is_one_skill() -> None:
    """A double click would be answered with an error."""
    assert rules.skill_ids([str(SKILL), str(SKILL).upper()]) == (SKILL,)


@given(text=st.text(alphabet=st.characters(), max_size=700))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """Some input would answer with an internal error."""
    for name in ("display_name", "handle", "bio", "headline", "location", "timezone", "availability", "primary_role"):
        fields: dict[str, Any] = {name: text}
        try:
            judged(ProfilePatch(**fields), of_campus=False)
        except Problem:
            continue
    for odd in ({"status": {"text": text, "emoji": text}}, {"contact_links": [{"kind": text, "url": text}]}):
        try:
            judged(ProfilePatch(**odd), of_campus=True)
        except Problem:
            continue
