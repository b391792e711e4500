"""Identifiers and draws."""

from app.ids import Ids


def test_uuid7_is_time_ordered_and_marked() -> None:
    """Rows would not sort by creation, and other tools would not read the version."""
    made = [Ids().uuid7() for _ in range(2000)]
    assert all(each.version == 7 and each.variant == "specified in RFC 4122" for each in made)
    stamps = [each.int >> 80 for each in made]
    assert stamps == sorted(stamps)
    assert len(set(made)) == len(made)


def test_ids_sort_in_the_order_they_were_made() -> None:
    """A person would read in their log that a session was ended before it was opened."""
    made = [Ids().uuid7().int >> 64 for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) > 100
