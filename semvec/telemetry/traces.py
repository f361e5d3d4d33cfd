"""Traces of requests with OpenTelemetry; an extra."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from semvec import __version__

UNREADABLE_HEADER = (
    "an entry of OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_TRACES_HEADERS is left out: it "
    "is not NAME=VALUE; entries are separated by commas, and a comma in a value is written %2C"
)
TRACE_FLUSH_S = 1.5
"""Seconds that shutdown may spend on the last spans."""


class Traces:
    """Spans of requests and their parts. Errors are reported by status only, without messages."""

    def __init__(self, processor: SpanProcessor) -> None:
        ours = Resource({"service.name": "semvec", "service.version": __version__})
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("semvec", __version__)
        self._contexts = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, endpoint: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """Open a request's span, in the trace named by its `traceparent`, else in a new one."""
        with self._tracer.start_as_current_span(
            f"{method} {endpoint}",
            context=self._contexts.extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": endpoint},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    def span(self, name: str) -> AbstractContextManager[object]:
        """Open a span for a part of the current request; work outside of requests is not traced."""
        if not get_current_span().is_recording():
            return nullcontext()
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    async def close(self) -> None:
        """Send the last spans, within TRACE_FLUSH_S."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

        # Shutdown would wait without limit for a thread of the loop's executor.
        threading.Thread(target=shut_down, name="semvec-traces", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), TRACE_FLUSH_S)
        except TimeoutError:
            return


def answered(span: Span, status: int, request_id: str) -> None:
    """Set the outcome of a request on its span."""
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("semvec.request_id", request_id)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _without_header(record: logging.LogRecord) -> bool:
    """Replace OpenTelemetry's warning about an unreadable header, which would quote the header."""
    record.msg, record.args = UNREADABLE_HEADER, None
    return True


def exported_traces() -> Traces:
    """Create traces that are exported as the OTEL_ variables specify."""
    logging.getLogger("opentelemetry.util.re").addFilter(_without_header)
    return Traces(BatchSpanProcessor(OTLPSpanExporter()))
