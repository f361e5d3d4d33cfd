import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from semvec.settings import Settings
from semvec.telemetry.factory import Telemetry, open_telemetry
from semvec.telemetry.lines import AccessRecord
from semvec.telemetry.traces import TRACE_FLUSH_S, Traces
from semvec.web import create_app
from semvec.web.keys import METRICS

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
SECRET = "the code of the safe is 4711"

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def told() -> list[AccessRecord]:
    return []


@pytest.fixture
def app(
    sqlite_url: str, exporter: InMemorySpanExporter, told: list[AccessRecord]
) -> web.Application:
    """The whole server, with the packaged encoder, its spans kept."""
    settings = Settings(database_url=sqlite_url, allow_anonymous=True, rate_limit=False)
    traces = Traces(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(open_telemetry(settings).metrics, traces, told.append)
    return create_app(settings, telemetry)


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app)) as client:
        yield client


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_request_and_its_parts_are_spans_of_the_callers_trace(
    app: web.Application, client: Client, exporter: InMemorySpanExporter, told: list[AccessRecord]
) -> None:
    said = {"message": SECRET, "session_id": None}
    answer = await client.post("/v1/run", json=said, headers=PARENT | {"X-Request-ID": "find-me"})
    assert answer.status == 200
    found = spans(exporter)
    assert found.keys() == {"POST /v1/run", "encode", "commit", "recall"}
    request = found["POST /v1/run"]
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert format_span_id(request.parent.span_id) == SPAN
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/run",
        "http.response.status_code": 200,
        "semvec.request_id": "find-me",
    }
    for name in ("encode", "commit", "recall"):
        assert found[name].parent == request.context
        assert (request.start_time or 0) <= (found[name].start_time or 0)
    assert {format_trace_id(span.context.trace_id) for span in found.values()} == {TRACE}
    app[METRICS].collect()
    assert told[0].trace == TRACE
    assert request.resource.attributes["service.name"] == "semvec"


async def test_without_a_trace_of_the_callers_it_begins_one(
    client: Client, exporter: InMemorySpanExporter
) -> None:
    for headers in ({}, {"traceparent": "00-nonsense"}, {"traceparent": "x" * 600}):
        exporter.clear()
        await client.get("/v1/health", headers=headers)
        assert spans(exporter)["GET /v1/health"].parent is None


async def test_errors_are_told_without_their_words(
    client: Client, exporter: InMemorySpanExporter
) -> None:
    for path in ("/v1/run", f"/v1/{SECRET}"):
        answer = await client.post(path, json={"message": SECRET, "session_id": "nowhere"})
        assert answer.status == 404
    found = spans(exporter)
    assert "POST unmatched" in found
    for span in found.values():
        assert span.status.status_code is StatusCode.UNSET
        assert SECRET not in span.to_json()


class Unreachable(SpanExporter):
    """Takes its time, as one does that nobody answers."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        time.sleep(4)
        return SpanExportResult.FAILURE


async def test_a_collector_that_does_not_answer_holds_up_no_stop() -> None:
    traces = Traces(BatchSpanProcessor(Unreachable()))
    with traces.request("GET", "/v1/health", {}):
        pass
    began = time.monotonic()
    await traces.close()
    assert time.monotonic() - began < TRACE_FLUSH_S + 1


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"traces_endpoint": "http://127.0.0.1:9"}, True),
        ({"traces_endpoint": "http://127.0.0.1:9", "traces_exporter": "none"}, False),
        ({"traces_exporter": "otlp"}, True),
        ({"traces_exporter": "console"}, False),
    ],
)
def test_traces_are_off_unless_they_are_asked_for(variables: dict[str, str], wanted: bool) -> None:
    telemetry = open_telemetry(Settings(**variables))  # type: ignore[arg-type]
    assert (telemetry.traces is not None) is wanted
    if telemetry.traces is not None:
        asyncio.run(telemetry.traces.close())


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from semvec.settings import load_settings
from semvec.web import create_app
settings = load_settings({"SEMVEC_ALLOW_ANONYMOUS": "1", "SEMVEC_EMBEDDER": "none",
    "DATABASE_URL": sys.argv[1], "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
create_app(settings)
print(*{name.partition(".")[0] for name, module in sys.modules.items() if module})
"""


def test_without_the_package_the_server_runs_and_says_what_is_missing(sqlite_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, sqlite_url], capture_output=True, text=True, check=True
    )
    assert "opentelemetry" not in done.stdout.split()
    assert "no traces: sending them needs OpenTelemetry, of the extra 'otel'" in done.stderr


def test_a_server_without_traces_does_not_load_it(sqlite_url: str) -> None:
    code = WITHOUT.replace('sys.modules["opentelemetry"] = None\n', "").replace("OTEL_", "NO_")
    done = subprocess.run(
        [sys.executable, "-c", code, sqlite_url], capture_output=True, text=True, check=True
    )
    assert {"prometheus_client", "semvec"} <= set(done.stdout.split())
    assert "opentelemetry" not in done.stdout.split()


HEADERS = """
import asyncio, logging
from semvec.telemetry.traces import exported_traces
logging.basicConfig()
asyncio.run(exported_traces().close())
"""


def test_a_header_that_cannot_be_read_is_warned_of_without_its_value() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-name=good,authorization:Bearer Zq7xA",
    }
    done = subprocess.run(
        [sys.executable, "-c", HEADERS], env=environment, capture_output=True, text=True, check=True
    )
    assert "an entry of OTEL_EXPORTER_OTLP_HEADERS" in done.stderr
    assert "Zq7xA" not in done.stdout + done.stderr
