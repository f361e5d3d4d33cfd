import gzip

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as families

from semvec.telemetry.cells import Cells
from semvec.telemetry.exposition import scrape
from semvec.telemetry.metrics import ServerMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    metrics = ServerMetrics(CollectorRegistry(), Cells())
    metrics.edge.requests.at("GET", "/v1/health", "200").add()
    metrics.loop_lag.observe(0.001)
    return metrics.registry


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain;version=1.0.0", "a;q=0.;,", PROMETHEUS[50:]]
)
def test_the_text_format_is_what_anybody_gets(registry: CollectorRegistry, accept: str) -> None:
    shown = scrape(registry, accept, "")
    assert shown.content_type == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in families(shown.content.decode())}
    assert {"semvec_requests", "semvec_event_loop_lag_seconds", "semvec_build_info"} <= names


@pytest.mark.parametrize(
    "accept", [PROMETHEUS, "application/openmetrics-text; version=nonsense\x00"]
)
def test_openmetrics_is_what_asks_for_it(registry: CollectorRegistry, accept: str) -> None:
    shown = scrape(registry, accept, "")
    assert shown.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert "nonsense" not in shown.content_type
    assert {
        family.name for family in openmetrics.text_string_to_metric_families(shown.content.decode())
    } >= {"semvec_requests"}
    assert shown.content.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.8", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
    ],
)
def test_gzip_is_for_those_who_take_it(
    registry: CollectorRegistry, coding: str, packed: bool
) -> None:
    shown = scrape(registry, "", coding)
    assert shown.packed is packed
    content = gzip.decompress(shown.content) if packed else shown.content
    assert b"semvec_requests_total" in content
