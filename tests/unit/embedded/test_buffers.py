"""How much memory the embedded PostgreSQL keeps its data in."""

import pytest

from app.embedded.postgres import LEAST_BUFFERS_MIB, buffers_mib

MIB = 1 << 20


@pytest.mark.parametrize(
    ("stored_mib", "memory_mib", "wanted_mib"),
    [
        (30, 4096, LEAST_BUFFERS_MIB),
        (1500, 24_000, 3000),
        (50_000, 4096, 1024),
        (50_000, 256, LEAST_BUFFERS_MIB),
    ],
    ids=["a new database", "a million faces", "more than the memory", "a tiny machine"],
)
def test_the_buffers_grow_with_what_is_stored(stored_mib: int, memory_mib: int, wanted_mib: int) -> None:
    """A search of a large gallery would take four times as long, or a small machine run out of memory."""
    assert buffers_mib(stored=stored_mib * MIB, memory=memory_mib * MIB) == wanted_mib
