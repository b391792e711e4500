"""Handles and display names made of what a provider says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import normalised_display_name, normalised_handle
from app.ids import Ids
from app.social.handles import display_name_of, handle_stem, handles_from
from app.social.model import ProvedIdentity, Provider


def somebody(*, name: str | None = None, email: str | None = None, username: str | None = None) -> ProvedIdentity:
    return ProvedIdentity(
        provider=Provider.GOOGLE, issuer="https://issuer", subject="1", name=name, email=email, username=username
    )


@pytest.mark.parametrize(
    ("identity", "stem"),
    [
        (somebody(name="Ada Lovelace"), "ada-lovelace"),
        (somebody(name="José Núñez-Groß"), "jose-nunez-gross"),
        (somebody(name="  ...  Ada  ... "), "ada"),
        (somebody(name="Ada", username="countess_ada"), "countess_ada"),
        (somebody(name="李小龍", email="bruce+lists@example.org"), "bruce"),
        (somebody(name="Admin", email="grace.hopper@example.org"), "grace-hopper"),
        (somebody(name="Support", email="admin@example.org"), "member"),
        (somebody(name="A", email="b@example.org"), "member"),
        (somebody(name="\ud800\0\u202e<script>"), "script"),
        (somebody(), "member"),
    ],
)
def test_a_handle_reads_like_the_person(identity: ProvedIdentity, stem: str) -> None:
    """A newcomer would be called user83716, or pass for the house."""
    assert handle_stem(identity) == stem


@given(st.text(), st.emails(), st.text())
def test_whatever_a_provider_says_the_names_keep_our_rules(name: str, email: str, username: str) -> None:
    """A strange name at a provider would keep its owner out, or come back as a 500."""
    identity = somebody(name=name, email=email, username=username)
    handles = list(handles_from(handle_stem(identity), Ids()))
    assert [normalised_handle(handle) for handle in handles] == handles
    shown = display_name_of(identity, otherwise="member-1")
    assert normalised_display_name(shown) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Ada \n Lovelace ", "Ada Lovelace"),
        ("Ada\u202eecalevoL", "Ada ecalevoL"),
        ("A" * 300, "A" * 100),
        ("\u200b\u200b", "ada"),
        ("", "ada"),
        (None, "ada"),
    ],
)
def test_a_display_name_loses_what_could_deceive(name: str | None, shown: str) -> None:
    """A name with a right-to-left override could read as somebody else's in every list."""
    assert display_name_of(somebody(name=name), otherwise="ada") == shown
