"""Lists in parts: nothing twice, nothing left out, no cursor but our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Code, Problem
from app.pages import connection, demand_first, keys_of


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 7))
def test_walking_a_list_gives_every_entry_once(entries: list[int], first: int) -> None:
    """A person paging through their events would miss one, or see one twice."""
    after, seen = None, []
    while True:
        start = 0 if after is None else int(str(keys_of(after)[0])) + 1
        found = list(enumerate(entries))[start : start + first + 1]
        page = connection(found, first=first, after=after, keys=lambda entry: [entry[0]])
        seen += [value for _, value in page.nodes]
        assert page.page_info.has_previous_page == (after is not None)
        if not page.page_info.has_next_page:
            break
        after = page.page_info.end_cursor
    assert seen == entries


@pytest.mark.parametrize("first", [0, -1, 101, 2**31])
def test_a_part_has_a_size(first: int) -> None:
    """One request could ask for everything there is."""
    with pytest.raises(Problem) as caught:
        demand_first(first)
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "first")


@given(st.text(max_size=600))
def test_any_text_gets_an_answer(text: str) -> None:
    """Garbage in a link would answer with an internal error."""
    try:
        keys = keys_of(text)
    except Problem as problem:
        keys = [problem.code, problem.field]
    assert isinstance(keys, list)
