from pathlib import Path

import pytest
from pydantic import ValidationError

from semvec.rate import Rate
from semvec.settings import Settings, SettingsError, declarations, load_settings

DOCS = Path(__file__).parents[1] / "docs"


def test_defaults_are_those_promised() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 8080, "info")
    assert settings.database_url == "sqlite:///semvec.db"
    assert settings.embedder == "local"
    assert settings.long_term_memories == 4096
    assert settings.context_tokens == 350
    assert settings.max_body_bytes == 1024**2
    assert settings.renewal_url == "https://www.semvec.io"
    assert settings.max_sessions == 10_000
    assert (settings.session_idle_ttl_s, settings.session_sweep_s) == (1800, 60)
    assert settings.drain_delay_s == 0
    assert (settings.request_deadline_s, settings.max_connections_per_ip) == (10, 2048)
    assert not settings.allow_anonymous
    assert settings.rate_limit
    assert str(settings.limit_ip) == "500/1000"
    assert str(settings.limit_preauth) == "10/50"
    assert (str(settings.limit_community), str(settings.limit_pro)) == ("5/50", "200/2000")
    assert settings.limit_enterprise is None
    assert str(settings.trusted_proxies) == "127.0.0.0/8,::1"
    assert settings.memory_bytes > 0


def test_variables_and_flags_are_read(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "DATABASE_URL": "postgresql://me:secret@localhost/memories",
            "SEMVEC_ALLOW_ANONYMOUS": "1",
            "SEMVEC_EMBED_MODEL": str(tmp_path),
            "SEMVEC_SESSION_SWEEP_S": "0.5",
            "SEMVEC_MAX_SESSIONS": "",
            "SEMVEC_RATE_LIMIT": "off",
            "SEMVEC_LIMIT_COMMUNITY": "none",
            "SEMVEC_LIMIT_ENTERPRISE": "0.5/20",
            "SEMVEC_TRUSTED_PROXIES": "none",
            "PATH": "/bin",
        },
        port="0",
        reload=True,
    )
    assert settings.database_url == "postgresql://me:secret@localhost/memories"
    assert settings.allow_anonymous
    assert settings.embed_model == str(tmp_path)
    assert not settings.rate_limit
    assert settings.limit_community is None
    assert settings.limit_enterprise == Rate(0.5, 20)
    assert settings.trusted_proxies.members == ()
    assert settings.session_sweep_s == 0.5
    assert settings.max_sessions == 10_000
    assert settings.port == 0
    assert settings.reload


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "semvec.db"),
        ("SEMVEC_DATABASE_SHARED", "maybe"),
        ("SEMVEC_ALLOW_ANONYMOUS", "perhaps"),
        ("SEMVEC_RENEWAL_URL", "semvec.io"),
        ("SEMVEC_TRUSTED_PROXIES", "10.0.0.0/8,"),
        ("SEMVEC_TRUSTED_PROXIES", "{proxy}"),
        ("CORS_ORIGINS", "app.example"),
        ("CORS_ORIGINS", "https://app.example,"),
        ("CORS_ALLOW_ORIGINS", "https://app.example/path"),
        ("SEMVEC_RATE_LIMIT", "maybe"),
        ("SEMVEC_LIMIT_IP", "500"),
        ("SEMVEC_LIMIT_PREAUTH", "0/5"),
        ("SEMVEC_RATE_LIMIT_URL", "http://localhost"),
        ("SEMVEC_EMBEDDER", "openai"),
        ("SEMVEC_EMBEDDER", "http://"),
        ("SEMVEC_EMBED_MODEL", "/no/such/folder"),
        ("SEMVEC_LONG_TERM_MEMORIES", "0"),
        ("SEMVEC_MEMORY_BYTES", "2 GB"),
        ("SEMVEC_MAX_SESSIONS", "-1"),
        ("SEMVEC_SESSION_IDLE_TTL_S", "nan"),
        ("SEMVEC_SESSION_SWEEP_S", "inf"),
        ("SEMVEC_CONTEXT_TOKENS", "350.5"),
        ("SEMVEC_MAX_BODY_BYTES", "1MiB"),
        ("SEMVEC_REQUEST_DEADLINE_S", "0"),
        ("SEMVEC_MAX_CONNECTIONS_PER_IP", "0"),
        ("SEMVEC_DRAIN_DELAY_S", "-0.1"),
    ],
)
def test_a_bad_value_is_told_in_one_line_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as stop:
        load_settings({variable: value})
    [line] = str(stop.value).splitlines()
    assert line.startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*", ("*",)),
        ("https://app.example", ("https://app.example",)),
        ("HTTPS://App.example:443/, http://[::1]:80", ("https://app.example", "http://[::1]")),
        ("http://localhost:3000,app://local", ("http://localhost:3000", "app://local")),
    ],
)
def test_origins_are_read_as_browsers_send_them(written: str, read: tuple[str, ...]) -> None:
    assert load_settings({"CORS_ORIGINS": written}).cors_origins == read
    assert load_settings({"CORS_ALLOW_ORIGINS": written}).cors_origins == read
    both = {"CORS_ORIGINS": written, "CORS_ALLOW_ORIGINS": "https://other.example"}
    assert load_settings(both).cors_origins == read


@pytest.mark.parametrize(
    ("unknown", "hint"),
    [
        ("SEMVEC_MAX_SESSION", "did you mean SEMVEC_MAX_SESSIONS?"),
        ("SEMVEC_RATELIMIT", "did you mean SEMVEC_RATE_LIMIT?"),
        ("SEMVEC_XYZZY", "is ignored"),
        ("SEMVEC_DATABASE_URL", "did you mean DATABASE_URL?"),
        ("semvec_embedder", "did you mean SEMVEC_EMBEDDER?"),
        ("DATABASE_ULR", "did you mean DATABASE_URL?"),
        ("CORS_ORIGIN", "did you mean CORS_ORIGINS?"),
    ],
)
def test_a_misspelt_variable_is_warned_of_without_its_value(
    unknown: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    load_settings({unknown: "secret", "SEMVEC_RATE_LIMIT": "off", "OTHER": "1"})
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"{unknown} is no setting")
    assert record.getMessage().endswith(hint)
    assert "secret" not in caplog.text


def test_what_others_set_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    names = ["SEMVEC_PORT", "SEMVEC_PORT_8080_TCP_ADDR", "SEMVEC_SERVICE_HOST", "SEMVEC_TEST_KILLS"]
    names += ["DATABASE_HOST", "METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "DEVICE"]
    load_settings(dict.fromkeys(names, "1"))
    assert not caplog.records


def test_every_bad_value_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as stop:
        load_settings({"SEMVEC_MAX_SESSIONS": "x", "SEMVEC_EMBEDDER": "x"}, port="99999")
    names = {line.partition(":")[0] for line in str(stop.value).splitlines()}
    assert names == {"--port", "SEMVEC_MAX_SESSIONS", "SEMVEC_EMBEDDER"}


def test_settings_are_frozen_and_show_no_secret() -> None:
    secrets = {
        "DATABASE_URL": "postgresql://me:hidden@localhost/x",
        "SEMVEC_LICENSE_KEY": "hidden",
        "SEMVEC_EMBED_API_KEY": "hidden",
        "SEMVEC_RATE_LIMIT_URL": "redis://:hidden@localhost",
    }
    settings = load_settings(secrets)
    assert "hidden" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(ValidationError) as stop:
        Settings(database_url="hidden://", license_key="")
    assert "hidden" not in str(stop.value)


def test_the_table_of_settings_is_complete_and_true() -> None:
    text = (DOCS / "settings.md").read_text()
    rows = [
        row
        for row in text.splitlines()
        if row.startswith(("| `--", "| `DATA", "| `CORS", "| `METRICS", "| `OTEL", "| `SEMVEC"))
    ]
    expected = [f"| `{one.name}` | {one.default} | {one.meaning} |" for one in declarations()]
    assert rows == expected
