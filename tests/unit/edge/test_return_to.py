"""Where a browser may be sent with a token in its hands."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.edge.return_to import checked_return
from app.errors import Code, Problem

OWN = "https://id.example.org"
ORIGINS = frozenset({OWN, "https://good.example", "http://127.0.0.1:8000"})

FOREIGN = (
    "",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example/",
    "https://good.example.evil.com/",
    "https://good.example@evil.com/",
    "https://good.example:443@evil.com/",
    "https://good.example\\@evil.com/",
    "https://good.example\\.evil.com/",
    "https://evil.example#https://good.example",
    "https://evil.example/https://good.example",
    "https://evil.example?https://good.example",
    "https://good.example:8443/",
    "https://good.exаmple/",  # a Cyrillic letter
    "https://good%2eexample/",
    "https://good.example%00.evil.com/",
    "http://good.example/",
    "https:good.example",
    "https:///good.example/",
    "https:/good.example/",
    "javascript:alert(1)",
    "javascript://good.example/%0aalert(1)",
    "data:text/html,hi",
    "blob:https://good.example/1",
    "good.example",
    "../settings",
    "https://[good.example/",
    "https://good.example/#access_token=planted",
    "/page#access_token=planted",
    " https://good.example/",
    "/%zz\r\nset-cookie: a=b",
    "/" + "a" * 2000,
)

OURS = {
    "/": "https://id.example.org/",
    "/in?tab=2&next=//evil.example": "https://id.example.org/in?tab=2&next=//evil.example",
    "/.//evil.example": "https://id.example.org/.//evil.example",
    "/@evil.example": "https://id.example.org/@evil.example",
    "https://good.example": "https://good.example/",
    "HTTPS://Good.Example/In": "https://good.example/In",
    "https://good.example?@evil.example/": "https://good.example/?@evil.example/",
    "http://127.0.0.1:8000/auth/callback": "http://127.0.0.1:8000/auth/callback",
}

# What addresses are made of, so that chance comes near the dangerous ones.
PIECES = st.sampled_from(
    [
        "/",
        "//",
        "\\",
        "https:",
        "http:",
        "good.example",
        "id.example.org",
        "evil.example",
        "@",
        ":",
        "?",
        "#",
        "%2f",
        ".",
        "\t",
        " ",
    ]
)


def test_foreign_pages_are_refused() -> None:
    """A link to us would carry a person's access token to somebody else's page."""
    for address in FOREIGN:
        with pytest.raises(Problem) as refusal:
            checked_return(address, own_url=OWN, origins=ORIGINS, field="return_to")
        assert (refusal.value.code, refusal.value.field) == (Code.BAD_USER_INPUT, "return_to"), address


def test_our_own_pages_are_let_through() -> None:
    """Nobody would get back to where they were."""
    for address, meant in OURS.items():
        assert checked_return(address, own_url=OWN, origins=ORIGINS, field="return_to") == meant


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
def test_whatever_is_let_through_is_ours(address: str) -> None:
    """One trick that nobody thought of would be enough."""
    try:
        meant = checked_return(address, own_url=OWN, origins=ORIGINS, field="return_to")
    except Problem:
        return
    parts = urlsplit(meant)
    assert f"{parts.scheme}://{parts.netloc}" in ORIGINS
    assert meant.startswith(tuple(f"{origin}/" for origin in ORIGINS))
    assert not parts.fragment
