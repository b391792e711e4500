"""Finding people, and who is not found."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.serving import Visitor

SEARCH = """
query ($query: String!, $first: Int, $after: String) {
  searchUsers(query: $query, first: $first, after: $after) {
    edges { cursor node { handle } }
    nodes { id handle displayName headline bio skills { name } status { text } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
USER = "query ($handle: String!) { user(handle: $handle) { handle displayName status { text } contactLinks { url } } }"
HIDE = "mutation ($privacy: PrivacyInput!) { updateProfile(input: { privacy: $privacy }) { handle } }"


class Town:
    """People written straight into the database, where hundreds of sign-ups would take a minute."""

    def __init__(self, sql: asyncpg.Connection) -> None:
        self._sql = sql
        self._ids = (UUID(f"019a0000-0000-7000-8000-{number:012x}") for number in count())

    async def add(self, handle: str, name: str = "", **columns: Any) -> None:
        """One more person, newer than those before."""
        account_id = next(self._ids)
        await self._sql.execute("insert into accounts (id) values ($1)", account_id)
        names = "".join(f", {column}" for column in columns)
        places = "".join(f", ${number}" for number in range(4, 4 + len(columns)))
        await self._sql.execute(
            f"insert into profiles (account_id, handle, display_name{names}) values ($1, $2, $3{places})",
            account_id,
            handle,
            name or handle.title(),
            *columns.values(),
        )


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture
def town(sql: asyncpg.Connection) -> Town:
    return Town(sql)


async def found(visitor: Visitor, query: str, *, first: int = 20) -> list[str]:
    """The handles, in order."""
    answer = (await visitor.data(SEARCH, {"query": query, "first": first}))["searchUsers"]
    assert [edge["node"]["handle"] for edge in answer["edges"]] == [person["handle"] for person in answer["nodes"]]
    return [person["handle"] for person in answer["nodes"]]


async def pages(visitor: Visitor, query: str, *, first: int) -> AsyncIterator[list[str]]:
    """Page by page, to the end."""
    after: str | None = None
    while True:
        answer = (await visitor.data(SEARCH, {"query": query, "first": first, "after": after}))["searchUsers"]
        assert answer["pageInfo"]["hasPreviousPage"] is (after is not None)
        yield [person["handle"] for person in answer["nodes"]]
        if not answer["pageInfo"]["hasNextPage"]:
            return
        after = answer["pageInfo"]["endCursor"]


async def test_best_first(visitor: Visitor, town: Town) -> None:
    """Whoever looks for a person by name would wade through everybody who mentions that name."""
    await town.add("p1", "Somebody", bio="I admire Ada and her notes.")
    await town.add("p2", "Somebody", headline="Engineer of Ada programs")
    await town.add("p3", "Somebody", skill_names="Ada Python")
    await town.add("p4", "Ada Lovelace")
    await town.add("adam", "Adam Ant")
    await town.add("ada", "Somebody Else")
    assert await found(visitor, "ada") == ["ada", "adam", "p4", "p3", "p2", "p1"]
    assert await found(visitor, "@ada") == ["ada", "adam", "p4", "p3", "p2", "p1"]
    assert await found(visitor, "ada python") == ["p3"]


async def test_words_of_several_fields_meet(visitor: Visitor, town: Town) -> None:
    """A name with a skill, the commonest search of all, would find nobody."""
    await town.add("ada", "Ada Lovelace", headline="Mathematician", skill_names="Python", bio="I live in London.")
    await town.add("eve", "Eve", headline="Mathematician")
    for query in ("lovelace python", "LONDON ada", "mathematician lond", "python lovelace london ada"):
        assert await found(visitor, query) == ["ada"], query
    assert await found(visitor, "lovelace berlin") == []


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Zoë Müller", "zoe MULLER"),
        ("Zoe Muller", "zoë müller"),
        ("Jürgen Strauß", "jurgen strauss"),
        ("ΕΛΛΆΣ", "ελλασ"),
        ("Łukasz", "łukasz"),
        ("Анна Каренина", "анна карен"),
        ("東京 太郎", "太郎"),
        ("Ｆｕｌｌｗｉｄｔｈ", "fullwidth"),
        ("O’Neil", "o neil"),
        ("Anne-Marie", "anne-marie"),
        ("अनिल", "अनिल"),
    ],
)
async def test_names_are_found_however_they_are_typed(visitor: Visitor, town: Town, name: str, query: str) -> None:
    """A person without the right keyboard could not find their friend."""
    await town.add("p1", name)
    assert await found(visitor, query) == ["p1"]


async def test_a_skill_chosen_is_a_skill_found(visitor: Visitor) -> None:
    """Choosing skills would be of no use to anybody."""
    await visitor.signup("ada")
    skills = (await visitor.data('{ skills(search: "screenwriting") { id } }'))["skills"]
    change = "mutation ($ids: [ID!]) { updateProfile(input: { skillIds: $ids }) { handle } }"
    await visitor.data(change, {"ids": [skills[0]["id"]]})
    answer = (await visitor.data(SEARCH, {"query": "screenwrit"}))["searchUsers"]
    assert [person["skills"] for person in answer["nodes"]] == [[{"name": "Screenwriting"}]]
    await visitor.data(change, {"ids": []})
    assert await found(visitor, "screenwriting") == []


async def test_a_change_is_found_at_once(visitor: Visitor) -> None:
    """People would be found under a name that they gave up."""
    await visitor.signup("ada")
    await visitor.data('mutation { updateProfile(input: { displayName: "Countess", bio: "Poetry" }) { handle } }')
    assert await found(visitor, "countess") == await found(visitor, "poetry") == ["ada"]
    await visitor.data("mutation { updateProfile(input: { bio: null }) { handle } }")
    assert await found(visitor, "poetry") == []


@pytest.mark.parametrize(
    ("privacy", "stranger_finds", "stranger_sees", "stranger_sees_status"),
    [
        ({"visibility": "EVERYONE", "ghostMode": False}, True, True, True),
        ({"visibility": "EVERYONE", "ghostMode": True}, False, True, False),
        ({"visibility": "FRIENDS", "ghostMode": False}, False, False, False),
        ({"visibility": "FRIENDS", "ghostMode": True}, False, False, False),
        ({"visibility": "NONE", "ghostMode": False}, False, False, False),
        ({"visibility": "NONE", "ghostMode": True}, False, False, False),
    ],
)
async def test_who_sees_whom(
    visitor: Visitor,
    transport: Any,
    privacy: dict[str, Any],
    stranger_finds: bool,
    stranger_sees: bool,
    stranger_sees_status: bool,
) -> None:
    """Somebody who hides from a stalker would be found all the same; somebody who does not would be lost."""
    signed_out, eve = Visitor(transport), Visitor(transport)
    await eve.signup("eve")
    await visitor.signup("ada")
    await visitor.data('mutation { updateProfile(input: { status: { text: "Here" } }) { handle } }')
    await visitor.data(HIDE, {"privacy": privacy})
    for stranger in (signed_out, eve):
        assert await found(stranger, "ada") == (["ada"] if stranger_finds else [])
        seen = (await stranger.data(USER, {"handle": "Ada"}))["user"]
        assert (seen is not None) is stranger_sees
        assert (seen is not None and seen["status"] is not None) is stranger_sees_status
    own = (await visitor.data(USER, {"handle": "ada"}))["user"]
    assert own["status"] == {"text": "Here"}


async def test_a_profile_tells_nothing_private(visitor: Visitor) -> None:
    """Searching a name would give away an address or a setting."""
    for field in ("email", "emailVerified", "privacy", "createdAt", "faceFindings", "twoFactorEnabled"):
        refused = await visitor.refusal(f'{{ user(handle: "ada") {{ {field} }} }}')
        assert refused["code"] == "BAD_USER_INPUT", field


@pytest.mark.parametrize("handle", ["", "nobody", "ada'--", "%", "ad_", "аda", "ada\u200b", "x" * 100_000, "../ada"])
async def test_nobody_has_such_a_handle(visitor: Visitor, handle: str) -> None:
    """A crafted address would show somebody else, or break the page."""
    await visitor.signup("ada")
    assert (await visitor.data(USER, {"handle": handle}))["user"] is None


async def test_every_page_continues_the_last(visitor: Visitor, town: Town) -> None:
    """People would be skipped, or shown twice, where one page ends."""
    for number in range(9):
        await town.add(f"eve{number}", "Somebody")
        await town.add(f"n{number}", "Eve Somebody")
        await town.add(f"w{number}", "Somebody", headline="Friend of Eve")
        await town.add(f"b{number}", "Somebody", bio="Not Eve.")
    in_order = [f"eve{n}" for n in range(9)] + [f"{tier}{n}" for tier in "nwb" for n in reversed(range(9))]
    for first in (1, 4, 9, 10, 35, 36, 50):
        read = [page async for page in pages(visitor, "eve", first=first)]
        assert [handle for page in read for handle in page] == in_order
        assert {len(page) for page in read[:-1]} <= {first}
        assert read[-1]


async def test_pages_hold_while_people_come_and_go(visitor: Visitor, town: Town, sql: asyncpg.Connection) -> None:
    """Whoever reads on while others join would see the same people again and again."""
    for number in range(30):
        await town.add(f"p{number:02}", "Eve Somebody")
    read: list[str] = []
    async for page in pages(visitor, "eve", first=5):
        read += page
        await town.add(f"new{len(read)}", "Eve Newcomer")
        await sql.execute(
            "delete from accounts where id = (select account_id from profiles where handle = $1)", page[-1]
        )
        await sql.execute("update profiles set bio = 'changed' where handle = 'p00'")
    assert read == [f"p{number:02}" for number in reversed(range(30))]


async def test_many_namesakes_are_read_to_the_end(visitor: Visitor, town: Town, sql: asyncpg.Connection) -> None:
    """People beyond the newest two thousand would never be found."""
    await town.add("first", "Rare Name")
    await sql.execute(
        "with made as (insert into accounts (id) select uuidv7() from generate_series(1, 2500) returning id) "
        "insert into profiles (account_id, handle, display_name) "
        "select id, 'h' || row_number() over (order by id), case when random() < 0.5 then 'Tom' else 'Tim' end "
        "from made"
    )
    assert await found(visitor, "rare") == ["first"]
    toms = [
        row["handle"]
        for row in await sql.fetch("select handle from profiles where display_name = 'Tom' order by account_id desc")
    ]
    assert [handle async for page in pages(visitor, "tom", first=50) for handle in page] == toms


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "!!!",
        "'",
        "%_",
        "🚀",
        "&|!():*<->",
        "x" * 101,
        "word " * 10_000,
        "two\nlines",
        "\u202eada",
        "\u200b",
    ],
)
async def test_what_cannot_be_looked_for(visitor: Visitor, query: str) -> None:
    """A stray key would list everybody, or be answered with an internal error."""
    assert await visitor.refusal(SEARCH, {"query": query}) == {"code": "BAD_USER_INPUT", "field": "query"}


@pytest.mark.parametrize(
    "query",
    [
        "ada' & !x",
        "ada:*",
        "!ada",
        "ada | eve",
        "<b>ada</b>",
        "ada\\",
        "'ada':*A",
        "(((((ada",
        "ada'; drop table profiles; --",
        "a " * 50,
        "ﷺ" * 100,
        "㌖" * 100,
        "ada <-> eve",
        "$1 :query %s {ada}",
    ],
)
async def test_a_query_is_only_words(visitor: Visitor, town: Town, query: str) -> None:
    """Operators of the search language would leak in: a name with an apostrophe would end in an error."""
    await town.add("ada", "Ada")
    answer = (await visitor.data(SEARCH, {"query": query}))["searchUsers"]
    assert [person["handle"] for person in answer["nodes"]] in ([], ["ada"])


@pytest.mark.parametrize("first", [0, -1, 51, 2**31 - 1])
async def test_a_page_has_bounds(visitor: Visitor, first: int) -> None:
    """One request could ask for everybody."""
    assert await visitor.refusal(SEARCH, {"query": "ada", "first": first}) == {
        "code": "BAD_USER_INPUT",
        "field": "first",
    }


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "!!!",
        "bm90IGpzb24",
        "W10",  # []
        "WzRd",  # [4]
        "WzAsMF0",  # [0,0]
        "WzEsImFkYSJd",  # [1,"ada"]
        "WzksIjAxOWFhM2I1LWVjMDAtNzNjNi04NjlhLTQ1YjE0ZGE0ZjlmYyJd",  # [9,"019aa3b5-…"]
        "WzAsIlx1MDAwMCJd",  # [0,"\u0000"]
        "A" * 100_000,
    ],
)
async def test_a_cursor_of_somebodys_own_making(visitor: Visitor, after: str) -> None:
    """An altered cursor would be answered with an internal error, or with something never asked for."""
    assert await visitor.refusal(SEARCH, {"query": "ada", "after": after}) == {
        "code": "BAD_USER_INPUT",
        "field": "after",
    }


async def test_searching_is_limited(visitor: Visitor) -> None:
    """One script could read everybody who is here, letter by letter."""
    for _ in range(120):
        await found(visitor, "ada")
    assert (await visitor.refusal(SEARCH, {"query": "ada"}))["code"] == "RATE_LIMITED"


async def test_every_word_stored_can_be_found(visitor: Visitor) -> None:
    """A word longer than the index takes would make the profile impossible to save."""
    await visitor.signup("ada")
    change = "mutation ($bio: String) { updateProfile(input: { bio: $bio }) { bio } }"
    for bio in ("x" * 500, "㌖" * 500, "ﷺ" * 500, "क" * 500):
        await visitor.data(change, {"bio": bio})
        assert await found(visitor, bio[:100]) == ["ada"]
