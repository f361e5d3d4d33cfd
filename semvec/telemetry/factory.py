"""Create the configured telemetry."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from semvec.extras import missing
from semvec.settings import Settings
from semvec.telemetry.cells import Cells
from semvec.telemetry.lines import AccessRecord
from semvec.telemetry.log_writer import LogWriter
from semvec.telemetry.metrics import ServerMetrics
from semvec.telemetry.protocol import Span

if TYPE_CHECKING:
    from semvec.telemetry.traces import Traces

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Metrics, traces and log lines. `tell` logs a request; None if requests are not logged."""

    metrics: ServerMetrics
    traces: "Traces | None" = None
    tell: Callable[[AccessRecord], None] | None = None

    @property
    def span(self) -> Span:
        return nullcontext if self.traces is None else self.traces.span


def open_telemetry(
    settings: Settings, cells: Cells | None = None, outbox: LogWriter | None = None
) -> Telemetry:
    """Create telemetry. Workers share `cells`; requests are logged to `outbox`, if given."""
    metrics = ServerMetrics(CollectorRegistry(), Cells() if cells is None else cells)
    tell = None
    if outbox is not None:
        metrics.observe_counter(metrics.edge.lines_dropped, lambda: outbox.dropped)
        if settings.log_level in ("info", "debug"):
            tell = outbox.write
    return Telemetry(metrics, _traces(settings), tell)


def _traces(settings: Settings) -> "Traces | None":
    """Create traces; None unless the environment enables them."""
    wanted = settings.traces_exporter or ("otlp" if settings.traces_endpoint else "none")
    if "otlp" not in wanted.split(","):
        return None
    try:
        from semvec.telemetry.traces import exported_traces  # needs an extra
    except ImportError:
        log.warning("no traces: %s", missing("sending them", "OpenTelemetry", "otel"))
        return None
    return exported_traces()
