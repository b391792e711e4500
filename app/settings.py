"""Settings: typed, frozen, validated all at once; the only reader of the environment."""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

# Public knowledge, so that a newcomer needs no set-up; refused by this mark as soon as others can reach the server.
DEVELOPMENT_MARK = "development-only"
_DEVELOPMENT_SECRET = f"{DEVELOPMENT_MARK}-secret-key-for-one-machine"
_DEVELOPMENT_LIVENESS_SECRET = f"{DEVELOPMENT_MARK}-liveness-secret-for-one-machine"
_DEVELOPMENT_ENCRYPTION_KEY = base64.b64encode(DEVELOPMENT_MARK.encode().ljust(32, b".")).decode()
_MIN_SECRET_CHARS = 32
# 32 random hexadecimal digits have fewer than eight different ones once in ten million draws.
_MIN_DIFFERENT = 8
# dlib's own threshold: above it, strangers pass for one another.
_MAX_PRODUCTION_FACE_THRESHOLD = 0.6

# OWASP Password Storage Cheat Sheet: Argon2id with at least 19 MiB, t=2, p=1.
ARGON2_FLOOR_MEMORY_KIB = 19 * 1024
ARGON2_FLOOR_TIME_COST = 2


class SettingsError(Exception):
    """Raised at start with every fault found, each naming its setting and what to do."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """A provider of ID tokens; it is in use when `clients`, whom its tokens must be meant for, names one."""

    clients: tuple[str, ...] = ()
    domain: str | None = None
    issuer: str | None = None
    jwks_url: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything an operator can decide. README lists each with its default; a test holds the two together."""

    environment: str
    data_dir: Path
    public_url: str
    allowed_origins: tuple[str, ...]
    trust_forwarded_for: bool
    metrics_token: str | None = field(repr=False)

    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    mail_from: str

    s3_bucket: str | None
    s3_endpoint_url: str | None
    s3_public_base: str | None
    aws_region: str
    aws_access_key_id: str | None
    aws_secret_access_key: str | None = field(repr=False)

    secret_keys: tuple[str, ...] = field(repr=False)
    liveness_secret: str = field(repr=False)
    encryption_keys: tuple[bytes, ...] = field(repr=False)
    token_alg: str

    github_client_id: str | None
    github_client_secret: str | None = field(repr=False)
    github_authorize_url: str
    github_token_url: str
    github_api_url: str
    github_scopes: tuple[str, ...]
    github_import_projects: bool

    campus_subdomains: bool
    password_min_length: int
    argon2_memory_kib: int
    argon2_time_cost: int
    argon2_parallelism: int

    webhook_url: str | None
    webhook_secrets: tuple[bytes, ...] = field(repr=False)

    google: ProviderSettings
    facebook: ProviderSettings
    linkedin: ProviderSettings
    firebase: ProviderSettings
    auth0: ProviderSettings

    face_engine: str
    face_threshold: float
    liveness_max_streams: int
    liveness_allow_bare_stills: bool

    @property
    def production(self) -> bool:
        """Whether this instance serves real people."""
        return self.environment == "production"

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies carry Secure and the __Host- prefix: always, but for plain http on loopback."""
        url = urlsplit(self.public_url)
        return self.production or url.scheme == "https" or url.hostname not in ("127.0.0.1", "localhost", "::1")

    @property
    def development_secrets(self) -> tuple[str, ...]:
        """The settings that hold a secret which everybody knows."""
        held = {
            "SECRET_KEY": any(DEVELOPMENT_MARK in key for key in self.secret_keys),
            "LIVENESS_SECRET": DEVELOPMENT_MARK in self.liveness_secret,
            "ENCRYPTION_KEYS": any(DEVELOPMENT_MARK.encode() in key for key in self.encryption_keys),
        }
        return tuple(name for name, is_development in held.items() if is_development)

    @classmethod
    def from_process(cls, *, listening_on: str | None = None) -> "Settings":
        """Reads the process environment; raises SettingsError."""
        return cls.from_environment(os.environ, listening_on=listening_on)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, listening_on: str | None = None) -> "Settings":
        """Reads and validates; raises SettingsError listing every fault at once.

        `listening_on` is the address that a server will listen on: where others can reach it, it needs secrets of its
        own.
        """
        return _Reader(environment, listening_on=listening_on).settings()


def is_loopback(host: str | None) -> bool:
    """Whether only this machine reaches `host`; of names only `localhost` is known to be so."""
    try:
        return ipaddress.ip_address((host or "").partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


class _Reader:
    def __init__(self, environment: Mapping[str, str], *, listening_on: str | None) -> None:
        self._environment = environment
        self._listening_on = listening_on
        self._faults: list[str] = []

    def settings(self) -> Settings:
        env = self._read("BONAFIDE_ENV", "development", _one_of("development", "production"))
        public_url = self._read("PUBLIC_URL", "http://127.0.0.1:8000", _http_url)
        settings = Settings(
            environment=env,
            data_dir=self._read("BONAFIDE_DATA", ".bonafide", lambda text: Path(text).resolve()),
            public_url=public_url,
            allowed_origins=self._read("ALLOWED_ORIGINS", public_url, _origins),
            trust_forwarded_for=self._read("TRUST_FORWARDED_FOR", "false", _boolean),
            metrics_token=self._optional("METRICS_TOKEN", _secret),
            database_url=self._optional("DATABASE_URL", _database_url),
            redis_url=self._optional("REDIS_URL", _scheme("redis", "rediss", "unix")),
            smtp_url=self._optional("SMTP_URL", _scheme("smtp", "smtps")),
            mail_from=self._read("MAIL_FROM", "Bonafide <no-reply@localhost>", _text),
            s3_bucket=self._optional("S3_BUCKET", _text),
            s3_endpoint_url=self._optional("S3_ENDPOINT_URL", _http_url),
            s3_public_base=self._optional("S3_PUBLIC_BASE", _http_url),
            aws_region=self._read("AWS_REGION", "us-east-1", _text),
            aws_access_key_id=self._optional("AWS_ACCESS_KEY_ID", _text),
            aws_secret_access_key=self._optional("AWS_SECRET_ACCESS_KEY", _text),
            secret_keys=self._read("SECRET_KEY", _DEVELOPMENT_SECRET, _secrets),
            liveness_secret=self._read("LIVENESS_SECRET", _DEVELOPMENT_LIVENESS_SECRET, _secret),
            encryption_keys=self._read("ENCRYPTION_KEYS", _DEVELOPMENT_ENCRYPTION_KEY, _keys),
            token_alg=self._read("TOKEN_ALG", "EdDSA", _one_of("EdDSA", "HS256")),
            github_client_id=self._optional("GITHUB_CLIENT_ID", _text),
            github_client_secret=self._optional("GITHUB_CLIENT_SECRET", _text),
            github_authorize_url=self._read(
                "GITHUB_AUTHORIZE_URL", "https://github.com/login/oauth/authorize", _http_url
            ),
            github_token_url=self._read("GITHUB_TOKEN_URL", "https://github.com/login/oauth/access_token", _http_url),
            github_api_url=self._read("GITHUB_API_URL", "https://api.github.com", _http_url),
            github_scopes=self._read("GITHUB_SCOPES", "read:user user:email", _github_scopes),
            github_import_projects=self._read("GITHUB_IMPORT_PROJECTS", "false", _boolean),
            campus_subdomains=self._read("CAMPUS_SUBDOMAINS", "false", _boolean),
            password_min_length=self._read("PASSWORD_MIN_LENGTH", "8", _whole(8, 128)),
            argon2_memory_kib=self._read("ARGON2_MEMORY_KIB", str(ARGON2_FLOOR_MEMORY_KIB), _whole(8, 4 * 1024**2)),
            argon2_time_cost=self._read("ARGON2_TIME_COST", str(ARGON2_FLOOR_TIME_COST), _whole(1, 64)),
            argon2_parallelism=self._read("ARGON2_PARALLELISM", "1", _whole(1, 64)),
            webhook_url=self._optional("WEBHOOK_URL", _http_url),
            webhook_secrets=self._optional("WEBHOOK_SECRET", _webhook_secrets) or (),
            google=ProviderSettings(
                clients=self._optional("GOOGLE_CLIENT_ID", _names) or (),
                issuer=self._optional("GOOGLE_ISSUER", _exact_url),
                jwks_url=self._optional("GOOGLE_JWKS_URL", _exact_url),
            ),
            facebook=ProviderSettings(
                clients=self._optional("FACEBOOK_APP_ID", _names) or (),
                issuer=self._optional("FACEBOOK_ISSUER", _exact_url),
                jwks_url=self._optional("FACEBOOK_JWKS_URL", _exact_url),
            ),
            linkedin=ProviderSettings(
                clients=self._optional("LINKEDIN_CLIENT_ID", _names) or (),
                issuer=self._optional("LINKEDIN_ISSUER", _exact_url),
                jwks_url=self._optional("LINKEDIN_JWKS_URL", _exact_url),
            ),
            firebase=ProviderSettings(
                clients=self._optional("FIREBASE_PROJECT_ID", _firebase_project) or (),
                issuer=self._optional("FIREBASE_ISSUER", _exact_url),
                jwks_url=self._optional("FIREBASE_JWKS_URL", _exact_url),
            ),
            auth0=ProviderSettings(
                clients=self._optional("AUTH0_CLIENT_ID", _names) or (),
                domain=self._optional("AUTH0_DOMAIN", _domain),
                issuer=self._optional("AUTH0_ISSUER", _exact_url),
                jwks_url=self._optional("AUTH0_JWKS_URL", _exact_url),
            ),
            face_engine=self._read("FACE_ENGINE", "onnx", _one_of("onnx", "dlib")),
            face_threshold=self._read("FACE_THRESHOLD", "0.5", _number(0.1, 1.0)),
            liveness_max_streams=self._read("LIVENESS_MAX_STREAMS", "32", _whole(1, 1024)),
            liveness_allow_bare_stills=self._read("LIVENESS_ALLOW_BARE_STILLS", "false", _boolean),
        )
        for name, fault in self._faults_together(settings):
            if not any(known.startswith(f"{name}:") for known in self._faults):  # what stands in for it is not at fault
                self._faults.append(f"{name}: {fault}")
        if self._faults:
            raise SettingsError(tuple(self._faults))
        return settings

    def _read(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(self._environment.get(name, "").strip() or default)
        except ValueError as error:
            self._faults.append(f"{name}: {error}")
            return parse(default)

    def _optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        text = self._environment.get(name, "").strip()
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self._faults.append(f"{name}: {error}")
            return None

    def _faults_together(self, settings: Settings) -> Iterator[tuple[str, str]]:
        """Each setting that does not go with another, and why."""
        if settings.s3_bucket is not None:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                if getattr(settings, name.lower()) is None:
                    yield name, "is needed because S3_BUCKET is set"
        if settings.webhook_url is not None and not settings.webhook_secrets:
            yield (
                "WEBHOOK_SECRET",
                "is needed because WEBHOOK_URL is set: without it nobody can tell our events from forged ones",
            )
        if (settings.github_client_id is None) != (settings.github_client_secret is None):
            missing = "GITHUB_CLIENT_ID" if settings.github_client_id is None else "GITHUB_CLIENT_SECRET"
            yield missing, "is needed because the other of the two is set"
        if settings.liveness_secret in settings.secret_keys:
            yield "LIVENESS_SECRET", "is the same as SECRET_KEY; use another one"
        yield from self._provider_faults(settings)
        reachable = self._reachable(settings)
        if reachable:
            for name in settings.development_secrets:
                yield name, f"{reachable} needs a secret of its own; this one is public knowledge"
        if settings.production:
            yield from self._production_faults(settings)

    def _reachable(self, settings: Settings) -> str:
        """What makes this server one that others can reach, empty when it is this machine's own."""
        if settings.production:
            return "production"
        if not is_loopback(urlsplit(settings.public_url).hostname):
            return f"PUBLIC_URL {settings.public_url}"
        if self._listening_on is not None and not is_loopback(self._listening_on):
            return f"listening on {self._listening_on}"
        return ""

    def _provider_faults(self, settings: Settings) -> Iterator[tuple[str, str]]:
        for name in ("GOOGLE", "FACEBOOK", "LINKEDIN", "FIREBASE", "AUTH0"):
            provider: ProviderSettings = getattr(settings, name.lower())
            if provider.issuer is not None and provider.jwks_url is None:
                yield f"{name}_JWKS_URL", f"is needed because {name}_ISSUER is set"
            for part, url in (("ISSUER", provider.issuer), ("JWKS_URL", provider.jwks_url)):
                if settings.production and url is not None and urlsplit(url).scheme != "https":
                    yield f"{name}_{part}", "production trusts keys that came over https only"
        if settings.auth0.clients and settings.auth0.domain is None and settings.auth0.issuer is None:
            yield "AUTH0_DOMAIN", "is needed because AUTH0_CLIENT_ID is set"

    def _production_faults(self, settings: Settings) -> Iterator[tuple[str, str]]:
        if urlsplit(settings.public_url).scheme != "https":
            yield "PUBLIC_URL", "production is served over https"
        if settings.webhook_url is not None and urlsplit(settings.webhook_url).scheme != "https":
            yield "WEBHOOK_URL", "production sends events over https"
        listed = [origin for origin in settings.allowed_origins if not settings.public_url.startswith(origin)]
        if any(urlsplit(origin).scheme != "https" for origin in listed):
            yield "ALLOWED_ORIGINS", "production trusts https origins only: anyone on the way can change an http page"
        for name in ("GITHUB_AUTHORIZE_URL", "GITHUB_TOKEN_URL", "GITHUB_API_URL"):
            if urlsplit(getattr(settings, name.lower())).scheme != "https":
                yield name, "production sends codes and secrets over https only"
        if settings.face_threshold > _MAX_PRODUCTION_FACE_THRESHOLD:
            limit = _MAX_PRODUCTION_FACE_THRESHOLD
            yield "FACE_THRESHOLD", f"production compares at {limit} or below; above it strangers pass for one another"
        if settings.liveness_allow_bare_stills:
            yield "LIVENESS_ALLOW_BARE_STILLS", "is for trying out only: production would hand out badges for a photo"
        if settings.argon2_memory_kib < ARGON2_FLOOR_MEMORY_KIB or settings.argon2_time_cost < ARGON2_FLOOR_TIME_COST:
            yield (
                "ARGON2_MEMORY_KIB, ARGON2_TIME_COST",
                f"production needs at least {ARGON2_FLOOR_MEMORY_KIB} KiB and {ARGON2_FLOOR_TIME_COST} passes (OWASP)",
            )


def _text(text: str) -> str:
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is {text!r}; use one of {', '.join(allowed)}")
        return text

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"is {text!r}; use a whole number from {least} to {most}")
        return int(text)

    return parse


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"is {text!r}; use a number from {least} to {most}")
        return value

    return parse


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise ValueError(f"is {text!r}; use true or false")
    return values[text.lower()]


def _scheme(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in allowed:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}")
        return text

    return parse


def _database_url(text: str) -> str:
    """`databases` wants the driver named; the plain forms that hosts hand out are understood too."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("must begin with postgresql://")
    return f"postgresql+asyncpg://{rest}"


def _http_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or "@" in url.netloc:
        raise ValueError(f"is {text!r}; use http(s)://host[:port] without query")
    return text.rstrip("/")


def _exact_url(text: str) -> str:
    """Issuers are compared letter by letter, a closing slash included."""
    _http_url(text)
    return text


def _domain(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", text):
        raise ValueError(f"is {text!r}; use a host name such as tenant.eu.auth0.com")
    return text


def _firebase_project(text: str) -> tuple[str, ...]:
    if not re.fullmatch(r"[a-z0-9-]+", text):
        raise ValueError(f"is {text!r}; use the project's ID, not its name")
    return (text,)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _origins(text: str) -> tuple[str, ...]:
    origins = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        url = urlsplit(_http_url(part))
        origins.append(f"{url.scheme}://{url.netloc}")
    return tuple(origins)


def _github_scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(text.replace(",", " ").split())
    if "repo" in scopes:
        raise ValueError("asks for `repo`; say GITHUB_IMPORT_PROJECTS=true where projects are to be imported")
    if not {"user", "user:email"}.intersection(scopes):
        raise ValueError("needs `user:email`, without which nobody's address can be read")
    return scopes


def _secret(text: str) -> str:
    if len(text) < _MIN_SECRET_CHARS:
        raise ValueError(f"has {len(text)} characters; use at least {_MIN_SECRET_CHARS} random ones")
    if len(set(text)) < _MIN_DIFFERENT:
        raise ValueError(f"repeats {len(set(text))} characters; use {_MIN_SECRET_CHARS} random ones")
    return text


def _secrets(text: str) -> tuple[str, ...]:
    return tuple(_secret(part.strip()) for part in text.split(","))


def _webhook_secrets(text: str) -> tuple[bytes, ...]:
    """As Standard Webhooks writes them: base64 of 24 to 64 bytes, `whsec_` in front."""
    secrets = []
    for number, part in enumerate(text.split(","), start=1):
        try:
            secret = base64.b64decode(part.strip().removeprefix("whsec_"), validate=True)
        except binascii.Error:
            secret = b""
        if not 24 <= len(secret) <= 64 or len(set(secret)) < _MIN_DIFFERENT:
            raise ValueError(
                f"secret {number} is not the base64 of 24 to 64 random bytes (make one: openssl rand -base64 32)"
            )
        secrets.append(secret)
    return tuple(secrets)


def _keys(text: str) -> tuple[bytes, ...]:
    keys = []
    for number, part in enumerate(text.split(","), start=1):
        try:
            key = base64.b64decode(part.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError(f"key {number} is not the base64 of 32 bytes (make one: openssl rand -base64 32)")
        if len(set(key)) < _MIN_DIFFERENT:
            raise ValueError(f"key {number} is not random (make one: openssl rand -base64 32)")
        keys.append(key)
    return tuple(keys)
