"""What a setting's text may be: each parser gives the value or raises ValueError with the rule that the text breaks."""

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from app.geoip import GeoIpError, Places

MIN_SECRET_CHARS = 32
# 32 random hexadecimal digits have fewer than eight different ones once in ten million draws.
MIN_DIFFERENT = 8


def anything(text: str) -> str:
    """The text as it is."""
    return text


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of the words allowed."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is {text!r}; use one of {', '.join(allowed)}")
        return text

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number within bounds, both included."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"is {text!r}; use a whole number from {least} to {most}")
        return int(text)

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """A number within bounds, both included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"is {text!r}; use a number from {least} to {most}")
        return value

    return parse


def boolean(text: str) -> bool:
    """true or false, also as 1, 0, yes and no."""
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise ValueError(f"is {text!r}; use true or false")
    return values[text.lower()]


def scheme(*allowed: str) -> Callable[[str], str]:
    """A URL with one of the schemes."""

    def parse(text: str) -> str:
        if urlsplit(text).scheme not in allowed:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}")
        return text

    return parse


def database_url(text: str) -> str:
    """`databases` wants the driver named; the plain forms that hosts hand out are understood too."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("must begin with postgresql://")
    return f"postgresql+asyncpg://{rest}"


def http_url(text: str) -> str:
    """http(s)://host[:port][/path], a closing slash cut off."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or "@" in url.netloc:
        raise ValueError(f"is {text!r}; use http(s)://host[:port] without query")
    return text.rstrip("/")


def exact_url(text: str) -> str:
    """Issuers are compared letter by letter, a closing slash included."""
    http_url(text)
    return text


def readable_file(text: str) -> Path:
    """The path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"is {text!r}; there is no such file")
    return path.resolve()


def places_file(text: str) -> Path:
    """The path of a MaxMind DB file of countries or cities that can be read."""
    path = readable_file(text)
    try:
        Places.open(path).close()
    except GeoIpError as error:
        raise ValueError(str(error)) from error
    return path


def domain_name(text: str) -> str:
    """A host name."""
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", text):
        raise ValueError(f"is {text!r}; use a host name such as tenant.eu.auth0.com")
    return text


def firebase_project(text: str) -> tuple[str, ...]:
    """The project's ID, as the one audience."""
    if not re.fullmatch(r"[a-z0-9-]+", text):
        raise ValueError(f"is {text!r}; use the project's ID, not its name")
    return (text,)


def names(text: str) -> tuple[str, ...]:
    """A comma list."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def origins(text: str) -> tuple[str, ...]:
    """A comma list of addresses, each cut to its origin."""
    origins = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        url = urlsplit(http_url(part))
        origins.append(f"{url.scheme}://{url.netloc}")
    return tuple(origins)


def github_scopes(text: str) -> tuple[str, ...]:
    """Scopes apart by blanks or commas."""
    scopes = tuple(text.replace(",", " ").split())
    if "repo" in scopes:
        raise ValueError("asks for `repo`; say GITHUB_IMPORT_PROJECTS=true where projects are to be imported")
    if not {"user", "user:email"}.intersection(scopes):
        raise ValueError("needs `user:email`, without which nobody's address can be read")
    return scopes


def secret(text: str) -> str:
    """A text that nobody guesses."""
    if len(text) < MIN_SECRET_CHARS:
        raise ValueError(f"has {len(text)} characters; use at least {MIN_SECRET_CHARS} random ones")
    if len(set(text)) < MIN_DIFFERENT:
        raise ValueError(f"repeats {len(set(text))} characters; use {MIN_SECRET_CHARS} random ones")
    return text


def secret_list(text: str) -> tuple[str, ...]:
    """A comma list of such texts."""
    return tuple(secret(part.strip()) for part in text.split(","))


def webhook_secrets(text: str) -> tuple[bytes, ...]:
    """As Standard Webhooks writes them: base64 of 24 to 64 bytes, `whsec_` in front."""
    secrets = []
    for number, part in enumerate(text.split(","), start=1):
        try:
            secret = base64.b64decode(part.strip().removeprefix("whsec_"), validate=True)
        except binascii.Error:
            secret = b""
        if not 24 <= len(secret) <= 64 or len(set(secret)) < MIN_DIFFERENT:
            raise ValueError(
                f"secret {number} is not the base64 of 24 to 64 random bytes (make one: openssl rand -base64 32)"
            )
        secrets.append(secret)
    return tuple(secrets)


def encryption_keys(text: str) -> tuple[bytes, ...]:
    """A comma list of the base64 of 32 random bytes."""
    keys = []
    for number, part in enumerate(text.split(","), start=1):
        try:
            key = base64.b64decode(part.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError(f"key {number} is not the base64 of 32 bytes (make one: openssl rand -base64 32)")
        if len(set(key)) < MIN_DIFFERENT:
            raise ValueError(f"key {number} is not random (make one: openssl rand -base64 32)")
        keys.append(key)
    return tuple(keys)
