"""Which system user the embedded servers run as, and whether that user can reach a folder."""

import contextlib
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedError

FALLBACK_USER = "nobody"


@dataclass(frozen=True)
class Account:
    """A system user."""

    uid: int
    gid: int
    name: str


def server_account(*, wanted: str | None, folders: Iterable[Path]) -> Account | None:
    """Return the user to become, or None to stay who we are.

    PostgreSQL refuses to run as root. Then the user is, in this order: the wanted one, the owner of the
    first existing folder that belongs to a known user other than root (so `sudo` serves the same data), else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if wanted is not None:
        return _by_name(wanted)
    for folder in folders:
        if folder.exists() and (uid := folder.stat().st_uid) != 0:
            # An owner without a name here (a folder mounted into a container) cannot run initdb.
            with contextlib.suppress(KeyError):
                entry = pwd.getpwuid(uid)
                return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)
    return _by_name(FALLBACK_USER)


def _by_name(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root and there is no user {name!r} to run it as. "
            "Start Bonafide as an ordinary user, or set DATABASE_URL to a server of your own."
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)


def unreachable_parent(path: Path, account: Account | None) -> Path | None:
    """Return the first folder on the way to `path`, itself included, that `account` may not enter, or None."""
    if account is None:
        return None
    resolved = path.resolve()
    for folder in (*reversed(resolved.parents), resolved):
        if not folder.is_dir():
            continue
        status = folder.stat()
        if status.st_uid == account.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return folder
    return None


def give_to_owner_of(folder: Path, made: Path | int) -> None:
    """Let what root made (a path or an open file) in somebody's folder be theirs, so they can do without root later."""
    if os.geteuid() == 0:
        status = folder.stat()
        os.chown(made, status.st_uid, status.st_gid)


def own_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` exist, private (0700) and owned by the servers' user, with everything in it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is None:
        if folder.stat().st_uid != os.geteuid():
            owner = _name_of(folder.stat().st_uid)
            raise EmbeddedError(
                f"{folder} belongs to {owner}. Start Bonafide as {owner} or root, "
                f"or take it over: sudo chown -R {_name_of(os.geteuid())} {folder}"
            )
    elif folder.stat().st_uid != account.uid:
        for place, _, files in os.walk(folder):
            os.chown(place, account.uid, account.gid)
            for name in files:
                os.chown(Path(place) / name, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
