"""Identifiers and draws."""

from app.ids import Ids


def test_uuid7_is_time_ordered_and_marked() -> None:
    """Rows would not sort by creation, and other tools would not read the version."""
    made = [Ids().uuid7() for _ in range(2000)]
    assert all(each.version == 7 and each.variant == "specified in RFC 4122" for each in made)
    stamps = [each.int >> 80 for each in made]
    assert stamps == sorted(stamps)
    assert len(set(made)) == len(made)
