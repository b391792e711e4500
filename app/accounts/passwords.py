"""Passwords: which are accepted, and Argon2id off the event loop.

A password is taken as the person typed it: no trimming, no truncation, no case folding, no composition rules
(OWASP ASVS 5.0, 6.2.5, 6.2.8, 6.2.9). The one step before hashing is Unicode NFC (RFC 8265, 4.2.2), so that an
"é" sent composed by one keyboard and decomposed by another is the same password. Compatibility folding (NFKC) is
not done: it would make different passwords equal.
"""

import asyncio
import contextlib
import os
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

from app.accounts import imported_hashes
from app.errors import Code, Problem
from app.ids import Ids

T = TypeVar("T")

MAX_CHARS = 128  # seeds C and E; ASVS 6.2.9 asks for at least 64
SALT_BYTES = 16  # RFC 9106, 3.1
HASH_BYTES = 32
# At the OWASP floor one hash takes about 20 ms of one core: 200 waiting on two cores are answered in about 2 s.
MAX_WAITING = 200
BUSY_RETRY_S = 2.0

COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt")


@dataclass(frozen=True)
class Verification:
    """Whether the password was right, and whether its hash was made with other parameters than today's."""

    is_right: bool
    needs_rehash: bool = False


class Passwords:
    """Accepts, hashes and verifies; one per process, closed at shutdown.

    `verifications` and `hashes` count what was begun. An unknown account costs exactly one verification, as a known one
    does, and a registration one of each, whoever has the address: that equality is what keeps them alike in time.
    """

    def __init__(
        self,
        *,
        memory_kib: int,
        time_cost: int,
        parallelism: int,
        min_chars: int,
        ids: Ids,
        workers: int | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost,
            memory_cost=memory_kib,
            parallelism=parallelism,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
            type=Type.ID,
        )
        self._min_chars = min_chars
        self._ids = ids
        self._common = read_common_passwords()
        # One thread a core: more would only add memory (each hash holds `memory_kib`) and no speed.
        self._pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1, thread_name_prefix="argon2")
        self._max_waiting = max_waiting
        self._waiting = 0
        self.verifications = 0
        self.hashes = 0
        # Verified where there is no account or no hash; nobody knows its password.
        self._dummy = self._hasher.hash(ids.bytes(HASH_BYTES), salt=ids.bytes(SALT_BYTES))
        self._cost = _cost(extract_parameters(self._dummy))

    def require_acceptable(self, password: str, *, personal: Iterable[str] = ()) -> None:
        """Raises Problem(BAD_USER_INPUT, field `password`) naming the rule; `personal` are words about the person."""
        prepared = _prepared(password)
        if prepared is None:
            raise _refused("PASSWORD_NOT_TEXT", "The password holds characters that are not valid Unicode.")
        length = len(prepared)
        if length < self._min_chars:
            raise _refused("PASSWORD_TOO_SHORT", f"Use at least {self._min_chars} characters.")
        if length > MAX_CHARS:
            raise _refused("PASSWORD_TOO_LONG", f"Use at most {MAX_CHARS} characters.")
        folded = prepared.casefold()
        if folded in self._common:
            raise _refused(
                "PASSWORD_COMMON",
                "This is one of the most used passwords, which attackers try first. Choose another.",
            )
        if folded in {word.casefold() for word in personal}:
            raise _refused("PASSWORD_PERSONAL", "The password is your own name or address. Choose another.")

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash of an acceptable password; raises Problem(BUSY) when too many wait."""
        prepared = _prepared(password)
        if prepared is None or len(prepared) > MAX_CHARS:
            raise ValueError("require_acceptable comes first")
        secret, salt = prepared.encode(), self._ids.bytes(SALT_BYTES)
        self.hashes += 1
        return await self._off_loop(lambda: self._hasher.hash(secret, salt=salt))

    async def verify(self, stored: str | None, password: str) -> Verification:
        """Compares at the cost of one verification whatever `stored` is; raises Problem(BUSY) when too many wait.

        An imported bcrypt hash asks for a rehash when it is right, and takes its own time on top. Any other that is not
        Argon2 is never right. One of cheaper parameters than today's is topped up to their cost; one of dearer
        parameters still takes longer than an unknown account does.
        """
        prepared = _prepared(password)
        if prepared is None or len(prepared) > MAX_CHARS:
            stored, prepared = None, ""  # no account has such a password; the time is spent all the same
        secret = prepared.encode()
        self.verifications += 1
        return await self._off_loop(lambda: self._verified(stored, secret, password))

    def close(self) -> None:
        """Finishes what runs and refuses what comes."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verified(self, stored: str | None, secret: bytes, typed: str) -> Verification:
        if stored is not None and imported_hashes.is_imported(stored) and imported_hashes.matches(stored, typed):
            return Verification(is_right=True, needs_rehash=True)
        try:
            known = extract_parameters(stored or "")
            self._hasher.verify(stored or "", secret)
        except VerifyMismatchError:
            # Or the answer to a wrong guess would come early for exactly those addresses that have an old account.
            self._work(self._cost - _cost(known), secret)
            return Verification(is_right=False)
        except (VerificationError, InvalidHashError):  # none, a foreign or a damaged one: nothing was computed yet
            with contextlib.suppress(VerifyMismatchError):
                self._hasher.verify(self._dummy, secret)
            return Verification(is_right=False)
        return Verification(is_right=True, needs_rehash=self._hasher.check_needs_rehash(stored or ""))

    def _work(self, cost: float, secret: bytes) -> None:
        """Spends the time of a hash of `cost`, in KiB a lane and pass, at today's passes and lanes."""
        hasher = self._hasher
        memory_kib = int(cost * hasher.parallelism / hasher.time_cost)
        if memory_kib < 8 * hasher.parallelism:  # RFC 9106: the least there is, a fraction of a millisecond
            return
        hash_secret_raw(
            secret,
            bytes(SALT_BYTES),
            time_cost=hasher.time_cost,
            memory_cost=memory_kib,
            parallelism=hasher.parallelism,
            hash_len=HASH_BYTES,
            type=Type.ID,
        )

    async def _off_loop(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            raise Problem(Code.BUSY, "Too many people sign in right now.", retry_after_s=BUSY_RETRY_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


@cache
def read_common_passwords(path: Path = COMMON_PASSWORDS) -> frozenset[str]:
    """The shipped list, casefolded; its head says where it comes from."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("# "))


def _cost(parameters: Parameters) -> float:
    """How long a hash takes: KiB filled one after the other. Lanes are filled side by side."""
    return parameters.memory_cost * parameters.time_cost / parameters.parallelism


def _prepared(password: str) -> str | None:
    """The password in NFC; None when it cannot be UTF-8 (a lone surrogate)."""
    # Whatever is far too long is too long in NFC as well, and not worth normalising.
    if len(password) > 4 * MAX_CHARS:
        return "x" * (MAX_CHARS + 1)
    try:
        password.encode()
    except UnicodeEncodeError:
        return None
    return unicodedata.normalize("NFC", password)


def _refused(reason: str, detail: str) -> Problem:
    return Problem(Code.BAD_USER_INPUT, detail, field="password", reason=reason)
