"""Settings: typed, frozen, validated all at once; the only reader of the environment."""

import base64
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from app.setting_values import (
    anything,
    boolean,
    database_url,
    domain_name,
    encryption_keys,
    exact_url,
    firebase_project,
    github_scopes,
    http_url,
    names,
    number,
    one_of,
    origins,
    places_file,
    scheme,
    secret,
    secret_list,
    webhook_secrets,
    whole,
)

T = TypeVar("T")

# Public knowledge, so that a newcomer needs no set-up; refused by this mark as soon as others can reach the server.
DEVELOPMENT_MARK = "development-only"
_DEVELOPMENT_SECRET = f"{DEVELOPMENT_MARK}-secret-key-for-one-machine"
_DEVELOPMENT_LIVENESS_SECRET = f"{DEVELOPMENT_MARK}-liveness-secret-for-one-machine"
_DEVELOPMENT_ENCRYPTION_KEY = base64.b64encode(DEVELOPMENT_MARK.encode().ljust(32, b".")).decode()
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
    authorize_url: str | None = None
    token_url: str | None = None
    client_secret: str | None = field(default=None, repr=False)


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
    face_login: str
    face_search_threshold: float
    face_search_margin: float
    geoip_file: Path | None
    liveness_max_streams: int
    liveness_allow_bare_stills: bool

    @property
    def production(self) -> bool:
        """Whether this instance serves real people."""
        return self.environment == "production"

    @property
    def outbox_dir(self) -> Path:
        """Where letters go while there is no mail server."""
        return self.data_dir / "outbox"

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
        env = self._read("BONAFIDE_ENV", "development", one_of("development", "production"))
        public_url = self._read("PUBLIC_URL", "http://127.0.0.1:8000", http_url)
        face_threshold = self._read("FACE_THRESHOLD", "0.5", number(0.1, 1.0))
        settings = Settings(
            environment=env,
            data_dir=self._read("BONAFIDE_DATA", ".bonafide", lambda text: Path(text).resolve()),
            public_url=public_url,
            allowed_origins=self._read("ALLOWED_ORIGINS", public_url, origins),
            trust_forwarded_for=self._read("TRUST_FORWARDED_FOR", "false", boolean),
            metrics_token=self._optional("METRICS_TOKEN", secret),
            database_url=self._optional("DATABASE_URL", database_url),
            redis_url=self._optional("REDIS_URL", scheme("redis", "rediss", "unix")),
            smtp_url=self._optional("SMTP_URL", scheme("smtp", "smtps")),
            mail_from=self._read("MAIL_FROM", "Bonafide <no-reply@localhost>", anything),
            s3_bucket=self._optional("S3_BUCKET", anything),
            s3_endpoint_url=self._optional("S3_ENDPOINT_URL", http_url),
            s3_public_base=self._optional("S3_PUBLIC_BASE", http_url),
            aws_region=self._read("AWS_REGION", "us-east-1", anything),
            aws_access_key_id=self._optional("AWS_ACCESS_KEY_ID", anything),
            aws_secret_access_key=self._optional("AWS_SECRET_ACCESS_KEY", anything),
            secret_keys=self._read("SECRET_KEY", _DEVELOPMENT_SECRET, secret_list),
            liveness_secret=self._read("LIVENESS_SECRET", _DEVELOPMENT_LIVENESS_SECRET, secret),
            encryption_keys=self._read("ENCRYPTION_KEYS", _DEVELOPMENT_ENCRYPTION_KEY, encryption_keys),
            token_alg=self._read("TOKEN_ALG", "EdDSA", one_of("EdDSA", "HS256")),
            github_client_id=self._optional("GITHUB_CLIENT_ID", anything),
            github_client_secret=self._optional("GITHUB_CLIENT_SECRET", anything),
            github_authorize_url=self._read(
                "GITHUB_AUTHORIZE_URL", "https://github.com/login/oauth/authorize", http_url
            ),
            github_token_url=self._read("GITHUB_TOKEN_URL", "https://github.com/login/oauth/access_token", http_url),
            github_api_url=self._read("GITHUB_API_URL", "https://api.github.com", http_url),
            github_scopes=self._read("GITHUB_SCOPES", "read:user user:email", github_scopes),
            github_import_projects=self._read("GITHUB_IMPORT_PROJECTS", "false", boolean),
            campus_subdomains=self._read("CAMPUS_SUBDOMAINS", "false", boolean),
            password_min_length=self._read("PASSWORD_MIN_LENGTH", "8", whole(8, 128)),
            argon2_memory_kib=self._read("ARGON2_MEMORY_KIB", str(ARGON2_FLOOR_MEMORY_KIB), whole(8, 4 * 1024**2)),
            argon2_time_cost=self._read("ARGON2_TIME_COST", str(ARGON2_FLOOR_TIME_COST), whole(1, 64)),
            argon2_parallelism=self._read("ARGON2_PARALLELISM", "1", whole(1, 64)),
            webhook_url=self._optional("WEBHOOK_URL", http_url),
            webhook_secrets=self._optional("WEBHOOK_SECRET", webhook_secrets) or (),
            google=ProviderSettings(
                clients=self._optional("GOOGLE_CLIENT_ID", names) or (),
                issuer=self._optional("GOOGLE_ISSUER", exact_url),
                jwks_url=self._optional("GOOGLE_JWKS_URL", exact_url),
                authorize_url=self._optional("GOOGLE_AUTHORIZE_URL", exact_url),
            ),
            facebook=ProviderSettings(
                clients=self._optional("FACEBOOK_APP_ID", names) or (),
                issuer=self._optional("FACEBOOK_ISSUER", exact_url),
                jwks_url=self._optional("FACEBOOK_JWKS_URL", exact_url),
                authorize_url=self._optional("FACEBOOK_AUTHORIZE_URL", exact_url),
            ),
            linkedin=ProviderSettings(
                clients=self._optional("LINKEDIN_CLIENT_ID", names) or (),
                issuer=self._optional("LINKEDIN_ISSUER", exact_url),
                jwks_url=self._optional("LINKEDIN_JWKS_URL", exact_url),
                authorize_url=self._optional("LINKEDIN_AUTHORIZE_URL", exact_url),
                token_url=self._optional("LINKEDIN_TOKEN_URL", exact_url),
                client_secret=self._optional("LINKEDIN_CLIENT_SECRET", anything),
            ),
            firebase=ProviderSettings(
                clients=self._optional("FIREBASE_PROJECT_ID", firebase_project) or (),
                issuer=self._optional("FIREBASE_ISSUER", exact_url),
                jwks_url=self._optional("FIREBASE_JWKS_URL", exact_url),
            ),
            auth0=ProviderSettings(
                clients=self._optional("AUTH0_CLIENT_ID", names) or (),
                domain=self._optional("AUTH0_DOMAIN", domain_name),
                issuer=self._optional("AUTH0_ISSUER", exact_url),
                jwks_url=self._optional("AUTH0_JWKS_URL", exact_url),
                authorize_url=self._optional("AUTH0_AUTHORIZE_URL", exact_url),
            ),
            face_engine=self._read("FACE_ENGINE", "onnx", one_of("onnx", "dlib")),
            face_threshold=face_threshold,
            # Somebody in a gallery looks like a stranger sooner than one person does: production asks for more.
            face_login=self._read(
                "FACE_LOGIN",
                "second_factor" if env == "production" else "standalone",
                one_of("off", "second_factor", "standalone"),
            ),
            face_search_threshold=self._read("FACE_SEARCH_THRESHOLD", str(min(0.4, face_threshold)), number(0.1, 0.6)),
            face_search_margin=self._read("FACE_SEARCH_MARGIN", "0.05", number(0.0, 0.3)),
            geoip_file=self._optional("GEOIP_FILE", places_file),
            liveness_max_streams=self._read("LIVENESS_MAX_STREAMS", "32", whole(1, 1024)),
            liveness_allow_bare_stills=self._read("LIVENESS_ALLOW_BARE_STILLS", "false", boolean),
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
        if settings.face_search_threshold > settings.face_threshold:
            yield (
                "FACE_SEARCH_THRESHOLD",
                "is above FACE_THRESHOLD: whoever is looked for among many must be more alike, not less",
            )
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
        yield from self._code_faults(settings)
        if settings.auth0.clients and settings.auth0.domain is None and settings.auth0.issuer is None:
            yield "AUTH0_DOMAIN", "is needed because AUTH0_CLIENT_ID is set"

    def _code_faults(self, settings: Settings) -> Iterator[tuple[str, str]]:
        linkedin = settings.linkedin
        if linkedin.client_secret is None:
            return
        if not linkedin.clients:
            yield "LINKEDIN_CLIENT_ID", "is needed because LINKEDIN_CLIENT_SECRET is set"
        for part, url in (("AUTHORIZE_URL", linkedin.authorize_url), ("TOKEN_URL", linkedin.token_url)):
            if linkedin.issuer is not None and url is None:
                yield f"LINKEDIN_{part}", "is needed because LINKEDIN_ISSUER and LINKEDIN_CLIENT_SECRET are set"
            if settings.production and url is not None and urlsplit(url).scheme != "https":
                yield f"LINKEDIN_{part}", "production sends codes and secrets over https only"

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
