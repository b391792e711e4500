"""Settings: every fault at once, and no development secret in production."""

import base64
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError
from tests.own_secrets import OWN_SECRETS

PRODUCTION = {
    "BONAFIDE_ENV": "production",
    "PUBLIC_URL": "https://id.example.org",
    **OWN_SECRETS,
}


def test_no_setting_at_all_is_a_working_development_machine() -> None:
    """A newcomer could not type `make run` and see it work."""
    settings = Settings.from_environment({})
    assert settings.environment == "development"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.data_dir == Path(".bonafide").resolve()
    assert settings.face_threshold == 0.5
    assert settings.allowed_origins == ("http://127.0.0.1:8000",)


def test_every_fault_is_listed_at_once() -> None:
    """An operator would mend one setting, restart, and meet the next fault, again and again."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(
            {
                "BONAFIDE_ENV": "staging",
                "DATABASE_URL": "mysql://db",
                "FACE_THRESHOLD": "much",
                "LIVENESS_MAX_STREAMS": "-3",
                "ENCRYPTION_KEYS": "short",
                "SECRET_KEY": "short",
                "TOKEN_ALG": "none",
            }
        )
    named = {fault.split(":")[0] for fault in caught.value.faults}
    assert named == {
        "BONAFIDE_ENV",
        "DATABASE_URL",
        "FACE_THRESHOLD",
        "LIVENESS_MAX_STREAMS",
        "ENCRYPTION_KEYS",
        "SECRET_KEY",
        "TOKEN_ALG",
    }


def test_production_refuses_what_everyone_knows() -> None:
    """Anyone who read the source could sign tokens and open templates of a careless production server."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"BONAFIDE_ENV": "production", "ARGON2_TIME_COST": "1"})
    text = str(caught.value)
    for name in ("SECRET_KEY", "LIVENESS_SECRET", "ENCRYPTION_KEYS", "PUBLIC_URL", "ARGON2_TIME_COST"):
        assert name in text


def test_production_with_its_own_secrets_starts() -> None:
    """A correct production set-up would be refused."""
    settings = Settings.from_environment(PRODUCTION)
    assert settings.production
    assert settings.secure_cookies


@pytest.mark.parametrize("name", ["SECRET_KEY", "LIVENESS_SECRET", "ENCRYPTION_KEYS"])
def test_production_names_the_missing_secret(name: str) -> None:
    """The operator would not know which secret is missing."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({key: value for key, value in PRODUCTION.items() if key != name})


def test_a_rotated_key_list_must_not_keep_the_development_key() -> None:
    """A development key left at the end of the list would still verify forged tokens."""
    development = Settings.from_environment({}).secret_keys[0]
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        Settings.from_environment({**PRODUCTION, "SECRET_KEY": f"{PRODUCTION['SECRET_KEY']},{development}"})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://203.0.113.5:8000", None),
        ("https://id.example.org", "127.0.0.1"),
        ("http://localhost.example.org", "127.0.0.1"),
        ("http://127.0.0.1:8000", "0.0.0.0"),
        ("http://127.0.0.1:8000", "::"),
        ("http://localhost:8000", "192.0.2.7"),
        ("http://[::1]:8000", "id.example.org"),
        ("http://127.0.0.1:8000", ""),
    ],
)
def test_a_server_that_others_can_reach_needs_secrets_of_its_own(url: str, host: str | None) -> None:
    """Anybody in the same network could forge tokens, badges and uploads with the secrets from the source."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"PUBLIC_URL": url}, listening_on=host)
    assert [fault.split(":")[0] for fault in caught.value.faults] == list(OWN_SECRETS)
    assert Settings.from_environment({"PUBLIC_URL": url, **OWN_SECRETS}, listening_on=host).public_url == url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_ones_own_machine_needs_no_secret(host: str) -> None:
    """A newcomer would have to make secrets before seeing anything."""
    assert Settings.from_environment({}, listening_on=host).development_secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVENESS_ALLOW_BARE_STILLS", "true"),
        ("FACE_THRESHOLD", "0.61"),
        ("SECRET_KEY", "ab" * 20),
        ("LIVENESS_SECRET", "l" * 40),
        ("LIVENESS_SECRET", PRODUCTION["SECRET_KEY"]),
        ("ENCRYPTION_KEYS", base64.b64encode(b"e" * 32).decode()),
        ("ALLOWED_ORIGINS", "https://app.example.org,http://app.example.org"),
        ("PUBLIC_URL", "https://user:word@id.example.org"),
        ("METRICS_TOKEN", "easily-guessed"),
    ],
)
def test_production_refuses_what_gives_its_promises_away(name: str, value: str) -> None:
    """One careless line would hand out badges for photos, or let anybody guess the key that signs every token."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({**PRODUCTION, name: value})
    assert [fault.split(":")[0] for fault in caught.value.faults] == [name]


def test_faults_of_one_and_of_many_settings_are_listed_together() -> None:
    """An operator would correct the typing error, start, and only then hear of the missing secret."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"BONAFIDE_ENV": "production", "SECRET_KEY": "short", "FACE_THRESHOLD": "much"})
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "FACE_THRESHOLD",
        "SECRET_KEY",
        "LIVENESS_SECRET",
        "ENCRYPTION_KEYS",
        "PUBLIC_URL",
    ]


def test_secrets_do_not_show_in_the_repr() -> None:
    """A logged settings object would leak every secret."""
    passwords = {"DATABASE_URL": "postgresql://u:hunter2@db/x", "REDIS_URL": "redis://:hunter2@r"}
    shown = repr(Settings.from_environment({**PRODUCTION, **passwords}))
    assert "hunter2" not in shown
    for name in OWN_SECRETS:
        assert PRODUCTION[name] not in shown


def test_s3_without_credentials_is_a_fault() -> None:
    """Uploads would fail one by one at run time instead of once at start."""
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        Settings.from_environment({"S3_BUCKET": "faces"})


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"])
def test_the_database_url_that_hosts_hand_out_is_understood(url: str) -> None:
    """Copying the hoster's URL would fail on a driver name."""
    assert Settings.from_environment({"DATABASE_URL": url}).database_url == "postgresql+asyncpg://u:p@h/d"


def test_events_are_never_sent_unsigned_or_in_clear() -> None:
    """Anybody could tell the receiver that somebody joined, or read who did."""
    secret = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
    hook = {"WEBHOOK_URL": "https://app.example.org/hook", "WEBHOOK_SECRET": secret}
    assert Settings.from_environment({**PRODUCTION, **hook}).webhook_secrets == (bytes(range(32)),)
    for name, value in (
        ("WEBHOOK_SECRET", ""),
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ="),
        ("WEBHOOK_SECRET", base64.b64encode(b"x" * 32).decode()),
        ("WEBHOOK_URL", "http://app.example.org/hook"),
    ):
        with pytest.raises(SettingsError) as caught:
            Settings.from_environment({**PRODUCTION, **hook, name: value})
        assert {fault.split(":")[0] for fault in caught.value.faults} == {name}


def test_github_is_set_up_whole_or_not_at_all() -> None:
    """People would be offered a button that ends in an error at GitHub."""
    for name, missing in (("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"), ("GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID")):
        with pytest.raises(SettingsError) as caught:
            Settings.from_environment({name: "something"})
        assert [fault.split(":")[0] for fault in caught.value.faults] == [missing]


def test_a_secret_of_linkedin_needs_its_client_and_its_addresses() -> None:
    """People would be offered a button that ends in an error, or be sent to LinkedIn in place of the operator's own."""
    secret = {"LINKEDIN_CLIENT_SECRET": "hunter2-of-linkedin"}
    own = {"LINKEDIN_ISSUER": "https://id.example.org", "LINKEDIN_JWKS_URL": "https://id.example.org/keys"}
    client = {"LINKEDIN_CLIENT_ID": "86vhj2q7ukf83q"}
    for base in ({}, PRODUCTION):
        for given, missing in (
            (secret, ["LINKEDIN_CLIENT_ID"]),
            ({**secret, **client, **own}, ["LINKEDIN_AUTHORIZE_URL", "LINKEDIN_TOKEN_URL"]),
        ):
            with pytest.raises(SettingsError) as caught:
                Settings.from_environment({**base, **given})
            assert [fault.split(":")[0] for fault in caught.value.faults] == missing
    both = Settings.from_environment({**secret, **client})
    assert both.linkedin.client_secret == "hunter2-of-linkedin"
    assert "hunter2" not in repr(both)
    assert Settings.from_environment(client).linkedin.client_secret is None


def test_secrets_for_linkedin_travel_over_https_in_production() -> None:
    """Whoever listens on the way would have the app's secret and everybody's codes."""
    both = {"LINKEDIN_CLIENT_ID": "86vhj2q7ukf83q", "LINKEDIN_CLIENT_SECRET": "hunter2-of-linkedin"}
    assert Settings.from_environment({**PRODUCTION, **both}).linkedin.clients
    for name in ("LINKEDIN_AUTHORIZE_URL", "LINKEDIN_TOKEN_URL"):
        with pytest.raises(SettingsError, match=name):
            Settings.from_environment({**PRODUCTION, **both, name: "http://id.example.org/x"})


def test_github_is_asked_for_no_more_than_sign_in_needs() -> None:
    """Everybody would have to open all their repositories to us, or nobody's address could be read."""
    assert Settings.from_environment({}).github_scopes == ("read:user", "user:email")
    assert Settings.from_environment({"GITHUB_SCOPES": "user,read:org"}).github_scopes == ("user", "read:org")
    for scopes in ("user:email repo", "read:user"):
        with pytest.raises(SettingsError, match="GITHUB_SCOPES"):
            Settings.from_environment({"GITHUB_SCOPES": scopes})


def test_secrets_for_github_travel_over_https_in_production() -> None:
    """Whoever listens on the way would have the app's secret and everybody's codes."""
    for name in ("GITHUB_AUTHORIZE_URL", "GITHUB_TOKEN_URL", "GITHUB_API_URL"):
        with pytest.raises(SettingsError, match=name):
            Settings.from_environment({**PRODUCTION, name: "http://github.example.org/x"})


def test_production_asks_for_more_than_the_face() -> None:
    """Whoever is taken for somebody else in a large gallery would be signed in to a stranger's account."""
    assert Settings.from_environment({}).face_login == "standalone"
    assert Settings.from_environment(PRODUCTION).face_login == "second_factor"


def test_a_search_is_never_looser_than_a_comparison() -> None:
    """A face that would not be taken for the one it is compared with must not be found among thousands either."""
    assert Settings.from_environment({"FACE_THRESHOLD": "0.35"}).face_search_threshold == 0.35
    with pytest.raises(SettingsError, match="FACE_SEARCH_THRESHOLD: is above FACE_THRESHOLD"):
        Settings.from_environment({"FACE_SEARCH_THRESHOLD": "0.55"})


def test_a_geoip_file_that_is_not_there_is_told_at_start(tmp_path: Path) -> None:
    """An operator who mistypes the path would believe that sign-ins from new countries are noticed."""
    with pytest.raises(SettingsError, match=r"GEOIP_FILE: .*there is no such file"):
        Settings.from_environment({"GEOIP_FILE": str(tmp_path / "none.mmdb")})
