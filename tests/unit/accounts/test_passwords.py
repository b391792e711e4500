"""Passwords: what is accepted, how it is hashed, and that nothing of it is cut off or blocks the loop."""

import asyncio
import time
import unicodedata
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.passwords import MAX_CHARS, Passwords, Verification, read_common_passwords
from app.errors import Code, Problem
from app.ids import Ids

GOOD = "correct mule battery paperclip"


def make(*, memory_kib: int = 64, time_cost: int = 1, workers: int = 2, max_waiting: int = 200) -> Passwords:
    return Passwords(
        memory_kib=memory_kib,
        time_cost=time_cost,
        parallelism=1,
        min_chars=8,
        ids=Ids(),
        workers=workers,
        max_waiting=max_waiting,
    )


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = make()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Passwords]:
    made = make()
    yield made
    made.close()


def refusal(passwords: Passwords, password: str, *, personal: tuple[str, ...] = ()) -> Problem:
    with pytest.raises(Problem) as caught:
        passwords.require_acceptable(password, personal=personal)
    assert caught.value.code is Code.BAD_USER_INPUT
    assert caught.value.field == "password"
    return caught.value


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "PASSWORD_TOO_SHORT"),
        ("seven77", "PASSWORD_TOO_SHORT"),
        ("x" * (MAX_CHARS + 1), "PASSWORD_TOO_LONG"),
        ("x" * 1_000_000, "PASSWORD_TOO_LONG"),
        ("password123", "PASSWORD_COMMON"),
        ("PassWord123", "PASSWORD_COMMON"),
        ("qwertyuiop", "PASSWORD_COMMON"),
        ("lone \ud800 surrogate", "PASSWORD_NOT_TEXT"),
    ],
)
def test_a_refused_password_is_told_why(passwords: Passwords, password: str, reason: str) -> None:
    """A person would be refused without knowing what to change, or let in with a password that falls first."""
    assert refusal(passwords, password).reason == reason


@pytest.mark.parametrize("password", ["aaaabbbb", "        ", "парольчик", "a\0bcdefg", "x" * MAX_CHARS, "🦊" * 8])
def test_no_composition_rules(passwords: Passwords, password: str) -> None:
    """A person's passphrase in any script would be refused for lacking a digit or a capital (ASVS 6.2.5)."""
    passwords.require_acceptable(password)


@pytest.mark.parametrize("word", ["Ada.Lovelace@Example.org", "ada.lovelace", "Ada Lovelace"])
def test_ones_own_name_is_no_password(passwords: Passwords, word: str) -> None:
    """The first guess of anyone who knows the person would open the account."""
    assert refusal(passwords, word.upper(), personal=(word,)).reason == "PASSWORD_PERSONAL"


def test_the_shipped_list_is_what_its_head_says() -> None:
    """The list could be emptied by a bad merge, and the refusal of common passwords with it."""
    common = read_common_passwords()
    assert len(common) > 9_000
    assert all(len(password) >= 8 for password in common)
    assert {"password", "123456789", "iloveyou1", "correct horse battery staple"} <= common


async def test_the_hash_is_argon2id_with_the_parameters_asked_for(passwords: Passwords) -> None:
    """An operator who raised the cost would go on storing cheap hashes."""
    stored = await passwords.hash(GOOD)
    parameters = extract_parameters(stored)
    assert stored.startswith("$argon2id$v=19$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (64, 1, 1)
    assert stored != await passwords.hash(GOOD), "two people with one password share no hash"


async def test_right_and_wrong(passwords: Passwords) -> None:
    """Nobody could sign in, or anybody could."""
    stored = await passwords.hash(GOOD)
    assert await passwords.verify(stored, GOOD) == Verification(is_right=True)
    for wrong in ("", GOOD + " ", GOOD.upper(), GOOD[:-1], "\ud800", "x" * 10_000):
        assert await passwords.verify(stored, wrong) == Verification(is_right=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a" * 127 + "b", "a" * 127 + "c"),
        ("nul\0 and then some", "nul\0 and then more"),
        ("Ⅷ is not VIII", "VIII is not VIII"),
    ],
)
async def test_different_passwords_stay_different(passwords: Passwords, one: str, other: str) -> None:
    """Cut at 72 bytes or at NUL, or folded, a guess that is only nearly right would open the account."""
    stored = await passwords.hash(one)
    assert not (await passwords.verify(stored, other)).is_right


async def test_one_accent_typed_two_ways_is_one_password(passwords: Passwords) -> None:
    """A person who signed up on one system could not sign in on another that composes accents differently."""
    composed, decomposed = (unicodedata.normalize(form, "crème brûlée") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert (await passwords.verify(await passwords.hash(composed), decomposed)).is_right


async def test_changed_parameters_ask_for_a_new_hash(passwords: Passwords) -> None:
    """After the operator raises the cost, old accounts would keep their weak hashes for ever."""
    stronger = make(memory_kib=128)
    stored = await passwords.hash(GOOD)
    assert await stronger.verify(stored, GOOD) == Verification(is_right=True, needs_rehash=True)
    assert await stronger.verify(stored, "wrong") == Verification(is_right=False)
    assert await stronger.verify(await stronger.hash(GOOD), GOOD) == Verification(is_right=True)
    stronger.close()


@pytest.mark.parametrize(
    "stored", [None, "", "$2b$12$KIXxKj8N1Yv0bN4G", "$2x$04$" + "a" * 53, "$argon2id$broken", "plain", GOOD]
)
async def test_no_hash_or_a_foreign_one_is_never_right(passwords: Passwords, stored: str | None) -> None:
    """An account without a password would open to any, or answer faster than one with a password."""
    before = passwords.verifications
    assert await passwords.verify(stored, GOOD) == Verification(is_right=False)
    assert passwords.verifications == before + 1


@pytest.mark.parametrize(("memory_kib", "time_cost"), [(64, 1), (16 * 1024, 1), (8 * 1024, 3)])
async def test_an_old_cheap_hash_takes_as_long_as_no_account(memory_kib: int, time_cost: int) -> None:
    """After the operator raises the cost, a stranger could tell by the time which addresses have an account."""
    old, today = make(memory_kib=memory_kib, time_cost=time_cost), make(memory_kib=64 * 1024, time_cost=2, workers=1)
    stored = await old.hash(GOOD)
    known, unknown = [], []
    for _ in range(5):
        for times, hash_ in ((known, stored), (unknown, None)):
            began_s = time.process_time()  # of the processor: other programs do not count
            assert not (await today.verify(hash_, "a wrong guess")).is_right
            times.append(time.process_time() - began_s)
    assert min(known) == pytest.approx(min(unknown), rel=0.25)
    old.close()
    today.close()


async def test_a_hash_that_is_not_ours_takes_as_long_as_no_account() -> None:
    """A stranger could tell by the time which addresses were imported from elsewhere, or have a damaged hash."""
    today = make(memory_kib=64 * 1024, time_cost=2, workers=1)
    kept = (
        None,
        "$argon2id$broken",
        "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$%%",
        "$2b$12$KIXxKj8N1Yv0bN4G",
        "$2b$04$KIXxKj8N1Yv0bN4G1Z1s8eJ0mA1rQO5r0dJw4p0mC8uW4o0mY7Q1u",
    )
    times: dict[str | None, list[float]] = {stored: [] for stored in kept}
    for _ in range(3):  # a busy neighbour slows the memory down for a while, not for everyone's best
        for stored in kept:
            began_s = time.process_time()
            assert not (await today.verify(stored, GOOD)).is_right
            times[stored].append(time.process_time() - began_s)
    best = {stored: min(each) for stored, each in times.items()}
    assert min(best.values()) > 0.5 * best[None]
    today.close()


async def test_the_loop_runs_on_while_hashing(passwords: Passwords) -> None:
    """Every other person would wait while one signs in."""
    slow = make(memory_kib=64 * 1024, time_cost=2)
    hashing = asyncio.ensure_future(slow.hash(GOOD))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    slow.close()


async def test_too_many_at_once_are_told_to_come_back() -> None:
    """A flood of sign-ins would pile up without end, and everybody would time out."""
    narrow = make(workers=1, max_waiting=3)
    outcomes = await asyncio.gather(*(narrow.verify(None, GOOD) for _ in range(10)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(refused) == 7
    assert all(problem.code is Code.BUSY and problem.retry_after_s for problem in refused)
    assert await narrow.verify(None, GOOD) == Verification(is_right=False), "the places are given back"
    narrow.close()


@given(password=st.text(alphabet=st.characters(), max_size=700))
def test_any_text_gets_an_answer(shared: Passwords, password: str) -> None:
    """Some keyboard's character would answer with an internal error."""
    try:
        shared.require_acceptable(password)
    except Problem:
        return
    asyncio.run(shared.hash(password))
