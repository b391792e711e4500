"""bcrypt hashes from another system: they open the account once more, and nothing else does."""

import asyncio
import unicodedata
from collections.abc import Iterator

import bcrypt
import pytest

from app.accounts.imported_hashes import MAX_BYTES, MAX_COST, is_imported, matches
from app.accounts.passwords import Passwords, Verification
from app.ids import Ids

GOOD = "correct mule battery paperclip"


def imported(password: str, *, prefix: str = "2b") -> str:
    """What a system that cuts at 72 bytes has stored."""
    hashed = bcrypt.hashpw(password.encode()[:MAX_BYTES], bcrypt.gensalt(4)).decode()
    return hashed.replace("$2b$", f"${prefix}$", 1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(memory_kib=64, time_cost=1, parallelism=1, min_chars=8, ids=Ids())
    yield made
    made.close()


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
@pytest.mark.parametrize("password", [GOOD, "crème brûlée", "密码" * 10, "x" * 72, "x" * 73 + "y", "ü" * 60])
async def test_the_old_password_opens_once_more(passwords: Passwords, prefix: str, password: str) -> None:
    """After the move to this server nobody could sign in, or only people with short passwords."""
    stored = imported(password, prefix=prefix)
    assert await passwords.verify(stored, password) == Verification(is_right=True, needs_rehash=True)
    assert await passwords.verify(stored, "!" + password[1:]) == Verification(is_right=False)
    rehashed = await passwords.hash(password)
    assert await passwords.verify(rehashed, password) == Verification(is_right=True)


async def test_what_was_cut_off_counts_from_the_rehash_on(passwords: Passwords) -> None:
    """A long password would for ever be worth no more than its first 72 bytes."""
    long = "x" * 72 + "the end"
    assert (await passwords.verify(imported(long), "x" * 72)).is_right, "bcrypt never saw the end"
    assert not (await passwords.verify(await passwords.hash(long), "x" * 72)).is_right


async def test_a_password_is_compared_as_the_other_system_heard_it(passwords: Passwords) -> None:
    """People whose keyboard decomposes accents could not come along."""
    composed, decomposed = (unicodedata.normalize(form, "crème brûlée") for form in ("NFC", "NFD"))
    assert (await passwords.verify(imported(decomposed), decomposed)).is_right
    assert (await passwords.verify(imported(composed), composed)).is_right


def test_nul_ends_no_password() -> None:
    """Where bcrypt was written in C, `secret\\0anything` would open the account."""
    assert not matches(imported("secret"), "secret\0anything")
    assert not matches(imported("secret\0anything"), "secret\0anything")


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "$2b$12$short",
        "$2b$03$" + "a" * 53,
        f"$2b${MAX_COST + 1}$" + "a" * 53,
        "$2b$31$" + "a" * 53,
        "$2x$04$" + "a" * 53,
        "$2$04$" + "a" * 53,
        "$2b$04$" + "a" * 54,
        "$2b$04$" + "!" * 53,
        "$2b$٠٤$" + "a" * 53,
        "\0",
    ],
)
async def test_what_is_no_sound_hash_costs_nothing_and_opens_nothing(passwords: Passwords, stored: str | None) -> None:
    """One imported row of cost 31 would keep a core busy for days at each guess."""
    assert not is_imported(stored)
    assert await passwords.verify(stored, GOOD) == Verification(is_right=False)


@pytest.mark.parametrize("tail", ["a" * 53, "/" * 53, "." * 53, "9" * 53])
async def test_a_damaged_hash_is_a_wrong_password(passwords: Passwords, tail: str) -> None:
    """A row that was cut or mistyped on the way would answer with an internal error."""
    assert await passwords.verify(f"$2b$04${tail}", GOOD) == Verification(is_right=False)


async def test_the_loop_runs_on_while_bcrypt_works(passwords: Passwords) -> None:
    """One person coming along from another system would hold up everybody else for half a second."""
    stored = bcrypt.hashpw(GOOD.encode(), bcrypt.gensalt(10)).decode()
    verifying = asyncio.ensure_future(passwords.verify(stored, GOOD))
    turns = 0
    while not verifying.done():
        await asyncio.sleep(0)
        turns += 1
    assert verifying.result().is_right
    assert turns > 100
