from pathlib import Path

import pytest
from pydantic import ValidationError

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
    assert not settings.allow_anonymous
    assert settings.memory_bytes > 0


def test_variables_and_flags_are_read(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "DATABASE_URL": "postgresql://me:secret@localhost/memories",
            "SEMVEC_ALLOW_ANONYMOUS": "1",
            "SEMVEC_EMBED_MODEL": str(tmp_path),
            "SEMVEC_SESSION_SWEEP_S": "0.5",
            "SEMVEC_MAX_SESSIONS": "",
            "PATH": "/bin",
        },
        port="0",
        reload=True,
    )
    assert settings.database_url == "postgresql://me:secret@localhost/memories"
    assert settings.allow_anonymous
    assert settings.embed_model == str(tmp_path)
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
        ("SEMVEC_DRAIN_DELAY_S", "-0.1"),
    ],
)
def test_a_bad_value_is_told_in_one_line_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as stop:
        load_settings({variable: value})
    [line] = str(stop.value).splitlines()
    assert line.startswith(f"{variable}: ")


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
    rows = [row for row in text.splitlines() if row.startswith(("| `--", "| `DATA", "| `SEMVEC"))]
    expected = [f"| `{one.name}` | {one.default} | {one.meaning} |" for one in declarations()]
    assert rows == expected
