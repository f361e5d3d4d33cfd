"""Properties of routes: authentication, limits and metrics."""

from aiohttp import hdrs

from semvec.telemetry.instruments import Counter, Histogram
from semvec.telemetry.metrics import EdgeMetrics

PUBLIC = frozenset({"/metrics", "/v1/health", "/v1/livez", "/v1/readyz"})
"""Path templates that need no token, whatever prefix the app is mounted under."""

METRICS_AUTH = frozenset({"/metrics"})
"""Public paths that require the operator's name and password."""

BASIC_AUTH = frozenset({"/docs", "/docs/{file}", "/redoc", "/openapi.json"})
"""Paths where a browser may send the token as a Basic Auth password."""

UNLIMITED = frozenset({"/v1/health", "/v1/livez", "/v1/readyz"})

UNMATCHED = "unmatched"
"""The endpoint label of paths that match no route."""

OTHER = "other"
KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", OTHER)
MAX_TEMPLATE_CHARS = 499
"""The status recorded for a request whose client left before the answer, as in nginx."""

STATUSES = (
    *(200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417),
    *(
        421,
        422,
        423,
        425,
        426,
        428,
        429,
        431,
        451,
        MAX_TEMPLATE_CHARS,
        500,
        501,
        502,
        503,
        504,
        507,
    ),
)


class RouteInfo:
    """One method of one endpoint, with its metrics."""

    __slots__ = (
        "browsed",
        "durations",
        "endpoint",
        "is_options",
        "method",
        "operated",
        "other",
        "public",
        "statuses",
        "unlimited",
    )

    def __init__(self, edge: EdgeMetrics, method: str, endpoint: str) -> None:
        self.method, self.endpoint = method, endpoint
        self.public, self.operated = endpoint in PUBLIC, endpoint in METRICS_AUTH
        self.browsed, self.unlimited = endpoint in BASIC_AUTH, endpoint in UNLIMITED
        self.is_options = method == hdrs.METH_OPTIONS
        self.durations: Histogram = edge.durations.at(method, endpoint)
        self.statuses: dict[int, Counter] = {
            status: edge.requests.at(method, endpoint, str(status)) for status in STATUSES
        }
        self.other = edge.requests.at(method, endpoint, OTHER)
