"""Encryption at rest and derived keys."""

import pytest

from app.ids import Ids
from app.secrets import Encryption, SealBroken, derive_key

OLD, NEW = b"o" * 32, b"n" * 32


def test_sealed_bytes_open_only_in_their_context() -> None:
    """A template copied to another account's row would open there."""
    encryption = Encryption(keys=[NEW], ids=Ids())
    sealed = encryption.seal(b"template", context="photo/a")
    assert encryption.open(sealed, context="photo/a") == b"template"
    with pytest.raises(SealBroken):
        encryption.open(sealed, context="photo/b")


def test_every_flipped_bit_is_noticed() -> None:
    """A tampered template would be compared as if it were true."""
    encryption = Encryption(keys=[NEW], ids=Ids())
    sealed = encryption.seal(b"t", context="c")
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            encryption.open(bytes(altered), context="c")


def test_rotation_opens_old_seals_and_makes_new_ones() -> None:
    """Rotating a key would lose every stored template."""
    old = Encryption(keys=[OLD], ids=Ids()).seal(b"x", context="c")
    rotated = Encryption(keys=[NEW, OLD], ids=Ids())
    assert rotated.open(old, context="c") == b"x"
    with pytest.raises(SealBroken):
        Encryption(keys=[OLD], ids=Ids()).open(rotated.seal(b"x", context="c"), context="c")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 5, b"\x02" * 60])
def test_garbage_is_refused(sealed: bytes) -> None:
    """A damaged row would crash the comparison with an obscure error."""
    with pytest.raises(SealBroken):
        Encryption(keys=[NEW], ids=Ids()).open(sealed, context="c")


def test_each_purpose_has_its_own_key() -> None:
    """A key leaked from one use would forge another."""
    assert derive_key("secret" * 8, purpose="a") != derive_key("secret" * 8, purpose="b")
    assert len(derive_key("secret" * 8, purpose="a")) == 32
