"""Metrics for Prometheus; protected by the operator's password instead of a token."""

import asyncio
import base64
import hashlib
import hmac

from aiohttp import hdrs, web

from semvec.errors import NotConfigured, Unauthorized
from semvec.settings import Settings
from semvec.telemetry.exposition import OPENMETRICS, scrape
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.keys import CONTEXT, METRICS, SERVICE, SETTINGS
from semvec.web.reply import Rendered

TAKEN_AS_IS = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}


@endpoint(
    "GET",
    "/metrics",
    summary="Metrics for Prometheus",
    errors=(401, 429, 503),
    media=("text/plain", OPENMETRICS),
    scheme="operator",
)
async def expose_metrics(call: Call) -> Rendered:
    """Return the metrics; requires `METRICS_USER` and `METRICS_PASSWORD`. The format is OpenMetrics
    if `Accept` asks for it."""
    request = call.request
    try:
        check_operator(request, request.app[SETTINGS])
    except Unauthorized:
        request.app[SERVICE].trail.refused(request[CONTEXT].client)
        raise
    metrics = request.app[METRICS]
    metrics.collect()
    accept = request.headers.get(hdrs.ACCEPT, "")
    coding = request.headers.get(hdrs.ACCEPT_ENCODING, "")
    shown = await asyncio.to_thread(scrape, metrics.registry, accept, coding)
    packing = {hdrs.CONTENT_ENCODING: "gzip"} if shown.packed else {}
    return Rendered(shown.content, shown.content_type, TAKEN_AS_IS | packing)


def check_operator(request: web.Request, settings: Settings) -> None:
    """Raise NotConfigured without a password, Unauthorized for a wrong name or password."""
    user, password = settings.metrics_user, settings.metrics_password
    if user is None or password is None:
        raise NotConfigured("metrics are off: set METRICS_USER and METRICS_PASSWORD")
    given = _credentials(request)
    if given is None or not hmac.compare_digest(_digest(given), _digest(f"{user}:{password}")):
        raise Unauthorized("/metrics wants the operator's name and password")


def _credentials(request: web.Request) -> str | None:
    """Return the decoded Basic credentials, None unless there is exactly one readable header."""
    sent = request.headers.getall(hdrs.AUTHORIZATION, ())
    scheme, _, encoded = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return None


def _digest(text: str) -> bytes:
    """Hash a text, so that comparison does not depend on its length."""
    return hashlib.sha256(text.encode()).digest()


ENDPOINTS = (expose_metrics,)
