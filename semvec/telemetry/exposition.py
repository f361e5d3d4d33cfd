"""The answer to a scrape."""

import gzip
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

OPENMETRICS = "application/openmetrics-text"


class Scrape(NamedTuple):
    content: bytes
    content_type: str
    packed: bool


def scrape(registry: CollectorRegistry, accept: str, accept_encoding: str) -> Scrape:
    """Format the metrics as Prometheus text, or OpenMetrics if accepted, compressed with gzip if
    accepted. Takes some milliseconds."""
    encode, kind = choose_encoder(OPENMETRICS if _accepts(accept, OPENMETRICS) else "")
    content = encode(registry)
    packed = _accepts(accept_encoding, "gzip")
    return Scrape(gzip.compress(content, 1) if packed else content, kind, packed)


def _accepts(header: str, wanted: str) -> bool:
    """Return whether an Accept header names a value without `q=0`."""
    for element in header.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if name == wanted:
            return not any(
                part.startswith("q=") and not part[2:].strip("0.") for part in parameters
            )
    return False
