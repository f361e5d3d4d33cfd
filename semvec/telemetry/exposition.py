"""What a scrape is answered with."""

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
    """The metrics in Prometheus' text format, or in that of OpenMetrics where it is accepted; with
    gzip where that is. Takes some milliseconds."""
    encode, kind = choose_encoder(OPENMETRICS if _accepts(accept, OPENMETRICS) else "")
    content = encode(registry)
    packed = _accepts(accept_encoding, "gzip")
    return Scrape(gzip.compress(content, 1) if packed else content, kind, packed)


def _accepts(header: str, wanted: str) -> bool:
    """Whether a list of what is accepted names it, and not with `q=0`."""
    for element in header.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if name == wanted:
            return not any(
                part.startswith("q=") and not part[2:].strip("0.") for part in parameters
            )
    return False
