"""All settings in one frozen object; the environment and the flags are read once, here."""

import difflib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticUndefined

from semvec.addresses import Networks
from semvec.errors import StartError
from semvec.machine import free_memory
from semvec.rate import Rate
from semvec.settings_types import (
    Count,
    Credential,
    DatabaseAddress,
    DeviceSetting,
    EmbedderSetting,
    Origins,
    ProxyNetworks,
    RateOrNone,
    RedisAddress,
    Seconds,
    TextSetting,
    WebAddress,
    fault,
)

FOREIGN = re.compile(r"SEMVEC_(TEST_.*|SERVICE_(HOST|PORT).*|PORT(_.*)?)")
"""Variables that tests read, and those that Kubernetes sets for a service named semvec."""

UNPREFIXED = ("CORS_", "DATABASE_", "METRICS_")
"""Prefixes of settings whose names do not begin with SEMVEC_."""

log = logging.getLogger(__name__)


class SettingsError(StartError):
    """The configuration is not valid; the text has one line for each problem."""


class Settings(BaseModel):
    """The settings. Code sets fields by name; a field is read from a flag if its alias is one, else
    from a variable."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        hide_input_in_errors=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: f"SEMVEC_{name.upper()}"),
    )

    host: TextSetting = Field(
        default="0.0.0.0",
        validation_alias="--host",
        description="address to listen on; :: takes IPv4 and IPv6, a comma-separated list takes "
        "each of its addresses",
    )
    port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        validation_alias="--port",
        description="TCP port; 0 takes a free one",
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        default="info",
        validation_alias="--log-level",
        description="critical, error, warning, info or debug",
    )
    reload: bool = Field(
        default=False,
        validation_alias="--reload",
        description="restart on source change; development",
    )

    tls_cert: Path | None = Field(
        default=None,
        validation_alias="--tls-cert",
        description="PEM file of a certificate and its chain: serve HTTPS; read again on SIGHUP",
    )
    tls_key: Path | None = Field(
        default=None,
        validation_alias="--tls-key",
        description="PEM file of the certificate's private key, without a password",
    )

    database_url: DatabaseAddress = Field(
        default="sqlite:///semvec.db",
        validation_alias="DATABASE_URL",
        repr=False,
        description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
    )
    database_shared: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="whether other processes may write the database; auto: PostgreSQL yes, "
        "SQLite no",
    )
    license_public_key: TextSetting | None = Field(
        default=None,
        repr=False,
        description="Ed25519 public keys that licence tokens are checked with: PEM text, or the "
        "path of a PEM or JWKS file; several for rotation",
    )
    license_key: Credential | None = Field(
        default=None, repr=False, description="licence token, checked at start; its tier is logged"
    )
    allow_anonymous: bool = Field(
        default=False,
        description="requests without a token are the anonymous community tenant; development only",
    )
    renewal_url: WebAddress = Field(
        default="https://www.semvec.io",
        description="where a caller with an expired licence is sent",
    )
    cors_origins: Origins = Field(
        default=(),
        validation_alias=AliasChoices("CORS_ORIGINS", "CORS_ALLOW_ORIGINS"),
        description="origins whose pages may use this server, comma-separated, or *; "
        "also read from CORS_ALLOW_ORIGINS",
    )
    trusted_proxies: ProxyNetworks = Field(
        default=Networks.parse("127.0.0.0/8,::1"),
        description="networks whose X-Forwarded-For or X-Real-IP is believed; none: nobody's",
    )

    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console on a terminal, json elsewhere"
    )
    metrics_user: TextSetting | None = Field(
        default=None,
        validation_alias="METRICS_USER",
        description="name that /metrics asks for; it is off without both",
    )
    metrics_password: Credential | None = Field(
        default=None,
        validation_alias="METRICS_PASSWORD",
        repr=False,
        description="password that /metrics asks for",
    )
    traces_exporter: TextSetting | None = Field(
        default=None,
        validation_alias="OTEL_TRACES_EXPORTER",
        description="otlp: traces are on, none: they are off; unset: on where it is said where "
        "they go",
    )
    traces_endpoint: TextSetting | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
        ),
        repr=False,
        description="where traces go, over HTTP; also read from OTEL_EXPORTER_OTLP_ENDPOINT",
    )

    rate_limit: bool = Field(
        default=True, description="off: no limits at all (a gateway in front has them, benchmarks)"
    )
    limit_ip: RateOrNone = Field(
        default=Rate(500, 1000),
        description="requests of one address (IPv6: of one /64), per second / at once; none: no "
        "limit",
    )
    limit_preauth: RateOrNone = Field(
        default=Rate(10, 50), description="refused logins of one address, in the same form"
    )
    limit_community: RateOrNone = Field(
        default=Rate(5, 50), description="requests of one licence subject of the community tier"
    )
    limit_pro: RateOrNone = Field(default=Rate(200, 2000), description="the same of the pro tier")
    limit_enterprise: RateOrNone = Field(
        default=None, description="the same of the enterprise tier; unset: no limit"
    )
    rate_limit_url: RedisAddress | None = Field(
        default=None,
        repr=False,
        description="redis://, rediss:// or valkey:// address of what shares the limits between "
        "servers",
    )

    embedder: EmbedderSetting = Field(
        default="local",
        repr=False,
        description="local, none, or the URL of an OpenAI-compatible, TEI or Ollama endpoint",
    )
    embed_model: TextSetting | None = Field(
        default=None,
        description="directory of another BERT-family model (weights, tokenizer.json); at an "
        "endpoint, the model's name",
    )
    embed_api_key: Credential | None = Field(
        default=None, repr=False, description="bearer token for an endpoint that wants one"
    )

    device: DeviceSetting = Field(
        default="auto",
        description="where vectors are compared: cpu, cuda, cuda:N for the N-th device, or auto: "
        "the first where there is one",
    )
    long_term_memories: Count = Field(
        default=4096,
        description="hot long-term memories of a session that asks for no other number",
    )
    memory_bytes: Count = Field(
        default_factory=lambda: free_memory() // 2,
        description="bytes that hot sessions may take together",
    )
    max_sessions: Count = Field(
        default=10_000,
        description="hot sessions; past it the longest idle one is evicted to storage",
    )
    session_idle_ttl_s: Seconds = Field(
        default=1800, description="idle time after which a session may be evicted to storage"
    )
    session_sweep_s: Seconds = Field(
        default=60, description="how often idle sessions are looked for"
    )
    context_tokens: Count = Field(default=350, description="token budget of a context block")
    max_body_bytes: Count = Field(default=1 << 20, description="largest request body")
    max_import_bytes: Count = Field(
        default=1 << 30, description="largest body of an import, in place of that"
    )
    request_deadline_s: Seconds = Field(
        default=10, description="time a request has to arrive, head and body"
    )
    max_connections_per_ip: Count = Field(
        default=2048, description="open connections of one address (IPv6: of one /64)"
    )
    max_streams: Count = Field(
        default=16, description="event streams that one licence subject may have open"
    )
    stream_heartbeat_s: Seconds = Field(
        default=15, description="silence on an event stream after which a sign of life is sent"
    )
    repeats_per_subject: Count = Field(
        default=100_000,
        description="answers to requests with an Idempotency-Key that are kept of one licence "
        "subject, the newest, for a day at most",
    )
    audit_days: Annotated[FiniteFloat, Field(gt=0)] | None = Field(
        default=None, description="days that the audit log goes back; unset: all of it is kept"
    )
    drain_delay_s: Annotated[FiniteFloat, Field(ge=0)] = Field(
        default=0, description="time between readiness turning 503 and the listener closing"
    )

    @model_validator(mode="after")
    def _both_tls_files(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            lacking = "--tls-key" if self.tls_key is None else "--tls-cert"
            raise fault(f"{lacking}: is missing; HTTPS takes both files")
        return self

    @model_validator(mode="after")
    def _model_directory(self) -> "Settings":
        if self.embedder == "local" and self.embed_model and not Path(self.embed_model).is_dir():
            raise fault("SEMVEC_EMBED_MODEL: is not a directory")
        return self


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting, as shown in help and documentation."""

    name: str
    default: str
    meaning: str

    @property
    def is_flag(self) -> bool:
        return self.name.startswith("--")


def load_settings(environ: Mapping[str, str] = os.environ, /, **flags: object) -> Settings:
    """Read the settings from `environ` and from flags by name.

    White space around a value is removed, since secret files end in a line break; a variable that
    is then empty counts as unset.

    Raise SettingsError with one line for each invalid variable or flag. Warn about unknown
    variables.
    """
    _warn_of_unknown(environ)
    given = (_given(environ, name) for name in Settings.model_fields)
    values: dict[str, object] = {alias: environ[alias].strip() for alias in given if alias}
    values |= {_aliases(name)[0]: value for name, value in flags.items()}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise SettingsError("\n".join(map(_line, faults))) from None


def _warn_of_unknown(environ: Mapping[str, str]) -> None:
    known = {alias for name in Settings.model_fields for alias in _aliases(name)}
    for name in sorted(environ.keys() - known):
        upper = name.upper()
        nearest = _nearest(upper, known)
        ours = upper.startswith("SEMVEC_") and not FOREIGN.fullmatch(name)
        if ours or (nearest and upper.startswith(UNPREFIXED)):
            hint = f": did you mean {nearest}?" if nearest else ""
            log.warning("%s is no setting of this server and is ignored%s", name, hint)


def _nearest(name: str, known: Set[str]) -> str | None:
    """Return the variable that was probably meant, also if the prefix is missing or superfluous."""
    bare = name.removeprefix("SEMVEC_")
    if bare in known or f"SEMVEC_{bare}" in known:
        return bare if bare in known else f"SEMVEC_{bare}"
    nearest = difflib.get_close_matches(name, known, 1, cutoff=0.8)
    return nearest[0] if nearest else None


def _given(environ: Mapping[str, str], name: str) -> str | None:
    """Return the variable that sets a field."""
    return next((alias for alias in _aliases(name) if environ.get(alias, "").strip()), None)


def declarations() -> Iterator[Declaration]:
    for name, field in Settings.model_fields.items():
        default = "half of what is free" if field.default is PydanticUndefined else field.default
        yield Declaration(_aliases(name)[0], _plain(default), field.description or "")


def _aliases(name: str) -> list[str]:
    match Settings.model_fields[name].validation_alias:
        case AliasChoices(choices=choices):
            return [*map(str, choices)]
        case alias:
            return [str(alias)]


def _plain(default: object) -> str:
    match default:
        case None | ():
            return "unset"
        case bool():
            return "on" if default else "off"
    return str(default)


def _line(found: ErrorDetails) -> str:
    reason = "must be 1 or 0" if found["type"].startswith("bool_") else found["msg"]
    return ": ".join([*map(str, found["loc"]), reason])
