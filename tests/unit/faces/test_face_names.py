"""Drawn handles."""

from app.accounts.rules import is_blocked, normalised_handle
from app.faces.names import ADJECTIVES, ANIMALS, new_handle
from app.ids import Ids


def test_every_drawn_handle_is_one_and_reads_well() -> None:
    """A newcomer would be refused their own name, or be called something that nobody can say."""
    drawn = {new_handle(Ids()) for _ in range(2000)}
    assert len(drawn) > 1990
    for handle in drawn:
        assert normalised_handle(handle) == handle
        assert len(handle) <= 25


def test_there_are_enough_of_them() -> None:
    """Newcomers would be told to try again."""
    for words in (ADJECTIVES, ANIMALS):
        assert len(words) == len(set(words)) >= 64
        assert all(word.isascii() and word.islower() and word.isalpha() for word in words)


def test_no_word_is_of_the_house() -> None:
    """Somebody would be called as if they spoke for us."""
    assert not any(is_blocked(word) for word in (*ADJECTIVES, *ANIMALS))
