"""Identifiers and draws."""

from collections import Counter

from app.ids import Ids


def test_uuid7_is_time_ordered_and_marked() -> None:
    """Rows would not sort by creation, and other tools would not read the version."""
    made = [Ids().uuid7() for _ in range(2000)]
    assert all(each.version == 7 and each.variant == "specified in RFC 4122" for each in made)
    stamps = [each.int >> 80 for each in made]
    assert stamps == sorted(stamps)
    assert len(set(made)) == len(made)


def test_digits_keep_leading_zeros_and_their_length() -> None:
    """A six-digit code would sometimes have five."""
    assert {len(Ids().digits(6)) for _ in range(500)} == {6}
    assert len(Counter(Ids().digits(1) for _ in range(2000))) == 10
