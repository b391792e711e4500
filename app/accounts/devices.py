"""Devices: the name that a person reads for one, and the keys by which it is known again.

A browser is known by the id in its own cookie. A program that signs in for somebody often keeps no cookie: it would be
new each time, so it is known by what it calls itself, versions aside, and its network. That is not enough for a
browser, whose name and network a whole campus shares: without its cookie it is a new one.
"""

import asyncio
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.accounts.model import MAX_USER_AGENT_CHARS, Origin
from app.secrets import digest

if TYPE_CHECKING:
    from ua_parser import BasicResolver

UNKNOWN = "Unknown device"
MAX_REMEMBERED = 2048
"""Names kept, at most 1.6 kB each."""
MAX_NAME_CHARS = 40
"""Of a part of a name: what a stranger's program calls itself stands in our letters."""

_VERSION = re.compile(r"[0-9][0-9._]*")
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,39}(?=/[0-9])")
# Neither a dot nor a colon: nothing that a mail program would make a link of.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9 ()+_-]")
_EVERY_BROWSER = "Mozilla/"
_SYSTEMS = {"Mac OS X": "macOS", "Other": ""}
# Browsers freeze the version of every other system: Windows 11 calls itself 10, macOS 15 calls itself 10.15.
_VERSIONED_SYSTEMS = ("Android", "iOS")
_OWN_PROGRAMS = {"bonafide-stream": "Bonafide stream client"}


@dataclass(frozen=True, kw_only=True)
class DeviceKeys:
    """By which hash a device is remembered, and by which it is known."""

    stored: bytes
    accepted: tuple[bytes, ...]


def device_keys(origin: Origin) -> DeviceKeys:
    """The keys of the device that signs in."""
    by_name = digest(f"program\0{_VERSION.sub('', origin.shown_user_agent)}\0{origin.network}")
    by_cookie = origin.device_hash
    if by_cookie is None or (origin.device_is_fresh and not _is_browser(origin)):
        return DeviceKeys(stored=by_name, accepted=(by_name,))
    if _is_browser(origin):
        return DeviceKeys(stored=by_cookie, accepted=(by_cookie,))
    # A program that does keep its cookie was known by its name when it got it.
    return DeviceKeys(stored=by_cookie, accepted=(by_cookie, by_name))


class DeviceNames:
    """Names devices by their User-Agent: "Firefox 141 on Windows"; one per process.

    The patterns are some 640 expressions: 0.15 s to load, with their package, at the first name; then 0.1 to 0.6 ms for
    what browsers send, and up to 15 ms for the worst 400 characters found (one core, busy). So names are read in a
    thread, and kept.
    """

    def __init__(self, *, max_remembered: int = MAX_REMEMBERED) -> None:
        self._resolver: BasicResolver | None = None
        self._loading = threading.Lock()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._max_remembered = max_remembered

    async def of(self, user_agent: str) -> str:
        """The name; "Unknown device" for a User-Agent that says nothing."""
        user_agent = user_agent[:MAX_USER_AGENT_CHARS]
        if not user_agent.strip():
            return UNKNOWN
        name = self._names.get(user_agent)
        if name is None:
            name = await asyncio.to_thread(self._read, user_agent)
            self._names[user_agent] = name
            if len(self._names) > self._max_remembered:
                self._names.popitem(last=False)
        else:
            self._names.move_to_end(user_agent)
        return name

    def _read(self, user_agent: str) -> str:
        from ua_parser import Domain

        found = self._patterns()(user_agent, Domain.USER_AGENT | Domain.OS)
        software, system = "", ""
        if found.user_agent is not None and found.user_agent.family != "Other":
            software = _named(found.user_agent.family, found.user_agent.major)
        elif (product := _PRODUCT.match(user_agent)) is not None and not _says_browser(user_agent):
            software = _OWN_PROGRAMS.get(product[0], _named(product[0], None))
        if found.os is not None:
            family = _SYSTEMS.get(found.os.family, found.os.family)
            system = _named(family, found.os.major if family in _VERSIONED_SYSTEMS else None)
        return " on ".join(filter(None, (software, system))) or UNKNOWN

    def _patterns(self) -> "BasicResolver":
        from ua_parser import BasicResolver
        from ua_parser.loaders import load_lazy_builtins

        with self._loading:
            if self._resolver is None:
                software, systems, _ = load_lazy_builtins()
                self._resolver = BasicResolver((software, systems, []))  # models of devices are nobody's business
            return self._resolver


def _is_browser(origin: Origin) -> bool:
    return _says_browser(origin.shown_user_agent)


def _says_browser(user_agent: str) -> bool:
    return user_agent.startswith(_EVERY_BROWSER)


def _named(family: str, version: str | None) -> str:
    plain = " ".join(_NOT_IN_NAME.sub("", family).split())[:MAX_NAME_CHARS]
    return f"{plain} {version[:6]}" if plain and version and version.isascii() and version.isdecimal() else plain
