"""All metrics of the server, by name."""

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from semvec import __version__
from semvec.telemetry.cells import Cells
from semvec.telemetry.instruments import Counter, Gauge, Instruments
from semvec.telemetry.process import ProcessMetrics
from semvec.telemetry.protocol import Reason

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LIMITS = ("address", "logins", "community", "pro", "enterprise")
REASONS: tuple[Reason, ...] = ("idle", "room", "closing")


class ServerMetrics:
    """All metrics. The parts of the server update some directly; `collect` observes the others."""

    def __init__(self, registry: CollectorRegistry, cells: Cells) -> None:
        self.registry = registry
        make = Instruments(cells)
        self.edge = EdgeMetrics(make)
        self.sessions = SessionMetrics(make)
        self.embedder = BatchMetrics(make, "embedder_batch", "texts")
        self.kernels = BatchMetrics(make, "kernel_batch", "queries")
        self.journal = JournalMetrics(make)
        self.process = ProcessMetrics(make)
        self.loop_lag = make.histogram(
            "semvec_event_loop_lag_seconds", "How late the event loop does what is due", SECONDS
        )
        labels = {"version": __version__, "python": platform.python_version()}
        build = make.gauges("semvec_build_info", "What is running", *labels, merge="max")
        build.at(*labels.values()).set(1)
        self._looks: list[Callable[[], None]] = []
        registry.register(make)

    def observe_counter(self, counter: Counter, total: Callable[[], float]) -> None:
        """Let a counter follow a total of this process."""
        seen = 0.0

        def look() -> None:
            nonlocal seen
            now = total()
            counter.add(now - seen)
            seen = now

        self._looks.append(look)

    def observe_gauge(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Let a gauge follow a value."""
        self._looks.append(lambda: gauge.set(value()))

    def before_scrape(self, settle: Callable[[], None]) -> None:
        """Register a function that flushes recorded values before a scrape."""
        self._looks.insert(0, settle)

    def collect(self) -> None:
        """Update all observed metrics."""
        for look in self._looks:
            look()


class EdgeMetrics:
    """Metrics of requests, limits and connections."""

    def __init__(self, make: Instruments) -> None:
        labels = ("method", "endpoint")
        self.requests = make.counters(
            "semvec_requests", "Requests answered", *labels, "status", sparse=True
        )
        self.durations = make.histograms(
            "semvec_request_duration_seconds",
            "Time from the end of a request's head until its answer is ready",
            SECONDS,
            *labels,
            sparse=True,
        )
        self.in_progress = make.gauge("semvec_requests_in_progress", "Requests without an answer")
        refused = make.counters("semvec_limited_requests", "Requests that a limit refused", "limit")
        self.limited = {name: refused.at(name) for name in LIMITS}
        self.unshared = make.counter(
            "semvec_limits_unshared", "Requests counted here alone: the shared limits were silent"
        )
        self.connections_refused = make.counter(
            "semvec_connections_refused", "Connections that were one too many of their address"
        )
        self.lines_dropped = make.counter(
            "semvec_log_lines_dropped", "Lines of the log left out: too many were waiting"
        )


class SessionMetrics:
    """An implementation of `SessionLife` that counts."""

    def __init__(self, make: Instruments) -> None:
        self.hot = make.gauge("semvec_sessions_hot", "Sessions in memory")
        self.hot_bytes = make.gauge("semvec_sessions_hot_bytes", "Bytes of sessions in memory")
        self.hot_limit = make.gauge("semvec_sessions_hot_limit", "Sessions that memory may hold")
        self.hot_bytes_limit = make.gauge(
            "semvec_sessions_hot_bytes_limit", "Bytes that sessions in memory may take"
        )
        self._loads = make.histogram(
            "semvec_session_load_seconds", "Rebuilding a session out of storage", SECONDS
        )
        evictions = make.counters("semvec_session_evictions", "Sessions that left memory", "reason")
        self._evictions = {reason: evictions.at(reason) for reason in REASONS}
        snapshots = make.counters("semvec_snapshots", "Snapshots of sessions", "outcome")
        self._snapshots = {True: snapshots.at("saved"), False: snapshots.at("failed")}
        self._repeated = make.counter(
            "semvec_changes_repeated", "Changes decided again: another process was faster"
        )
        self._drifted = make.counter("semvec_drift_detections", "Inputs that changed the subject")
        self._archived = make.counter("semvec_memories_archived", "Memories gone to the archive")
        self._consolidations = make.counter("semvec_consolidations", "Batches of consolidation")
        self._consolidated = make.counter(
            "semvec_memories_consolidated", "Memories judged by consolidation"
        )

    def loaded(self, took: float) -> None:
        self._loads.observe(took)

    def evicted(self, reason: Reason) -> None:
        self._evictions[reason].add()

    def snapshot(self, saved: bool) -> None:
        self._snapshots[saved].add()

    def repeated(self) -> None:
        self._repeated.add()

    def drifted(self, inputs: int) -> None:
        self._drifted.add(inputs)

    def archived(self, memories: int) -> None:
        self._archived.add(memories)

    def consolidated(self, memories: int) -> None:
        self._consolidations.add()
        self._consolidated.add(memories)


class BatchMetrics:
    """An implementation of `Batches` that counts under a name; `of` names the items of a batch."""

    def __init__(self, make: Instruments, name: str, of: str) -> None:
        name = f"semvec_{name}"
        self._size = make.histogram(f"{name}_size", f"How many {of} were in one", SIZE_BUCKETS)
        self._wait = make.histogram(
            f"{name}_wait_seconds", f"How long the oldest of its {of} had waited", SECONDS
        )
        self._duration = make.histogram(f"{name}_duration_seconds", "How long it took", SECONDS)
        self._failures = make.counter(f"{name}_failures", "How many failed")

    def done(self, size: int, waited: float, took: float) -> None:
        self._size.observe(size)
        self._wait.observe(waited)
        self._duration.observe(took)

    def failed(self) -> None:
        self._failures.add()


class JournalMetrics(BatchMetrics):
    def __init__(self, make: Instruments) -> None:
        super().__init__(make, "journal_commit", "writes")
        self.lag = make.gauge(
            "semvec_journal_lag_seconds", "Age of the oldest write without an outcome", "max"
        )
        self.waiting = make.gauge("semvec_journal_writes_waiting", "Writes without an outcome")
