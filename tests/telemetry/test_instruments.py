import os
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from semvec.telemetry.cells import CELLS, Cells
from semvec.telemetry.instruments import Instruments
from semvec.telemetry.metrics import ServerMetrics


@pytest.fixture
def cells() -> Cells:
    return Cells()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def make(cells: Cells, registry: CollectorRegistry) -> Instruments:
    instruments = Instruments(cells)
    registry.register(instruments)
    return instruments


def test_a_counter_adds_up(make: Instruments, registry: CollectorRegistry) -> None:
    asked = make.counters("asked", "Asked", "how")
    asked.at("well").add()
    asked.at("well").add(2.5)
    asked.at("badly")
    assert registry.get_sample_value("asked_total", {"how": "well"}) == 3.5
    assert registry.get_sample_value("asked_total", {"how": "badly"}) == 0


def test_a_gauge_stands_as_it_was_set_last(make: Instruments, registry: CollectorRegistry) -> None:
    gauge = make.gauge("level", "Level")
    gauge.set(7)
    gauge.set(-2)
    assert registry.get_sample_value("level") == -2


def test_a_histogram_counts_up_to_its_bounds(
    make: Instruments, registry: CollectorRegistry
) -> None:
    sizes = make.histogram("size", "Size", (1, 2.5, 10))
    for size in (0, 1, 2, 2.5, 3, 10, 11, 1000):
        sizes.observe(size)
    upto = {"1.0": 2, "2.5": 4, "10.0": 6, "+Inf": 8}
    for bound, count in upto.items():
        assert registry.get_sample_value("size_bucket", {"le": bound}) == count
    assert registry.get_sample_value("size_count") == 8
    assert registry.get_sample_value("size_sum") == pytest.approx(1029.5)


def test_a_sparse_family_shows_what_has_counted(
    make: Instruments, registry: CollectorRegistry
) -> None:
    family = make.counters("seen", "Seen", "status", sparse=True)
    family.at("200").add()
    family.at("404")
    [metric] = registry.collect()
    assert [sample.labels for sample in metric.samples] == [{"status": "200"}]


def test_labels_have_to_be_all_there(make: Instruments) -> None:
    with pytest.raises(ValueError, match="labels"):
        make.counters("asked", "Asked", "how", "where").at("well")


def test_cells_come_to_an_end(cells: Cells) -> None:
    cells.take(CELLS)
    with pytest.raises(RuntimeError):
        cells.take(1)


def test_a_worker_joins_before_it_counts(cells: Cells) -> None:
    cells.take(1)
    with pytest.raises(RuntimeError):
        cells.join(0)


def in_a_fork(work: Callable[[], None]) -> None:
    if not (child := os.fork()):
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_one_scrape_tells_of_all_workers_and_of_those_that_died() -> None:
    cells = Cells(workers=3)

    def work(worker: int) -> Callable[[], None]:
        def run() -> None:
            cells.join(worker)
            metrics = ServerMetrics(CollectorRegistry(), cells)
            for _ in range(10 * (worker + 1)):
                metrics.edge.requests.at("GET", "/v1/health", "200").add()
            metrics.sessions.hot.set(5)
            metrics.journal.lag.set(worker)
            metrics.embedder.done(4, 0.1, 0.2)

        return run

    for worker in (1, 2, 1):  # the second 1 takes the place of the first, which is dead
        in_a_fork(work(worker))
    registry = CollectorRegistry()
    scraped = ServerMetrics(registry, cells)
    scraped.edge.requests.at("GET", "/v1/health", "200").add()
    scraped.sessions.hot.set(2)
    labels = {"method": "GET", "endpoint": "/v1/health", "status": "200"}
    value = registry.get_sample_value
    assert value("semvec_requests_total", labels) == 1 + 20 + 30 + 20
    assert value("semvec_sessions_hot") == 2 + 5 + 5
    assert value("semvec_journal_lag_seconds") == 2
    assert value("semvec_embedder_batch_size_count") == 3
    assert value("semvec_embedder_batch_size_sum") == 12


def test_names_are_those_of_the_contract(registry: CollectorRegistry, cells: Cells) -> None:
    metrics = ServerMetrics(registry, cells)
    metrics.edge.requests.at("GET", "/v1/health", "200").add()
    metrics.edge.durations.at("GET", "/v1/health").observe(0.5)
    labels = {"method": "GET", "endpoint": "/v1/health"}
    value = registry.get_sample_value
    assert value("semvec_requests_total", labels | {"status": "200"}) == 1
    assert value("semvec_request_duration_seconds_count", labels) == 1
    names = {metric.name for metric in registry.collect()}
    assert all(name.startswith(("semvec_", "process_")) for name in names)


def test_a_followed_total_is_counted_once(registry: CollectorRegistry, cells: Cells) -> None:
    metrics = ServerMetrics(registry, cells)
    total = 3
    metrics.observe_counter(metrics.edge.connections_refused, lambda: total)
    metrics.observe_gauge(metrics.sessions.hot, lambda: total)
    metrics.collect()
    metrics.collect()
    total = 5
    metrics.collect()
    assert registry.get_sample_value("semvec_connections_refused_total") == 5
    assert registry.get_sample_value("semvec_sessions_hot") == 5


def test_the_process_is_looked_at(registry: CollectorRegistry, cells: Cells) -> None:
    metrics = ServerMetrics(registry, cells)
    metrics.process.look()
    metrics.process.look()
    value = registry.get_sample_value
    assert 0 < (value("process_cpu_seconds_total") or 0) <= sum(os.times()[:2]) + 0.1
    assert (value("process_resident_memory_bytes") or 0) > 1e6
    assert 0 < (value("process_open_fds") or 0) < (value("process_max_fds") or 0)
