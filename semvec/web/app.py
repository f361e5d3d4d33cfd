"""The web application."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from semvec.licensing.verifier import Verifier, open_verifier
from semvec.limits.limiter import Limiter, open_limiter
from semvec.service import Service, open_service
from semvec.settings import Settings, SettingsError, load_settings
from semvec.telemetry.factory import Telemetry, open_telemetry
from semvec.telemetry.loop import watch
from semvec.telemetry.metrics import ServerMetrics
from semvec.web.body_budget import BodyBudget
from semvec.web.cors import allow_origins
from semvec.web.draining import DRAINING, Draining
from semvec.web.endpoint import mount
from semvec.web.keys import BODY_BUDGET, DOCUMENT, LIMITER, METRICS, SERVICE, SETTINGS
from semvec.web.middleware.access_log import AccessLog
from semvec.web.middleware.auth import Authenticator
from semvec.web.middleware.client import proxy_header_reader
from semvec.web.middleware.request import request_middleware
from semvec.web.middleware.route_info import PUBLIC
from semvec.web.openapi import describe
from semvec.web.router import BoundedRouter
from semvec.web.routes import ENDPOINTS
from semvec.web.routes.pages import mount_pages
from semvec.web.stream import STREAMS, Streams


def create_app(
    settings: Settings | None = None, telemetry: Telemetry | None = None
) -> web.Application:
    """Build the configured application, to be served alone or mounted with `add_subapp`.

    Raise SettingsError if the server cannot start with this configuration.
    """
    settings = settings or load_settings()
    telemetry = telemetry or open_telemetry(settings)
    service = open_service(settings, telemetry.metrics, telemetry.span)
    verifier = open_verifier(settings, revoked=service.revoked)
    return assemble(settings, service, verifier, telemetry)


def from_argv(argv: Sequence[str]) -> web.Application:
    """Build the application for `python -m aiohttp.web semvec.web:from_argv`. aiohttp's own options
    set the address."""
    if argv:
        raise SettingsError(f"settings are taken from the environment alone, not {argv[0]!r}")
    return create_app()


def assemble(
    settings: Settings,
    service: Service,
    verifier: Verifier | None,
    telemetry: Telemetry | None = None,
) -> web.Application:
    limiter = open_limiter(settings)
    telemetry = telemetry or open_telemetry(settings)
    places, draining = AccessLog(telemetry), Draining()
    doorman = Authenticator(verifier, settings.allow_anonymous, service.trail.refused)
    bodies = BodyBudget(settings.max_body_bytes)
    around = request_middleware(
        read_hop=proxy_header_reader(settings.trusted_proxies),
        doorman=doorman,
        limiter=limiter,
        places=places,
        draining=draining,
        bodies=bodies,
        traced=telemetry.traces is not None,
    )
    app = web.Application(
        middlewares=[*_tracing(telemetry, places), around],
        client_max_size=settings.max_body_bytes,
    )
    app._router = BoundedRouter()  # aiohttp has no way of its own that is not deprecated
    app[SETTINGS] = settings
    app[SERVICE] = service
    app[BODY_BUDGET] = bodies
    app[METRICS] = telemetry.metrics
    app[DOCUMENT] = describe(ENDPOINTS, PUBLIC)
    app[DRAINING] = draining
    app[STREAMS] = Streams(
        settings.max_streams,
        settings.stream_heartbeat_s,
        lambda request: doorman.still_admits(request.headers, places.of(request)),
    )
    app.cleanup_ctx.append(_watched_loop)
    app.on_shutdown.append(_end_streams)
    app.on_shutdown.append(places.end)
    app.cleanup_ctx.append(_running_service)
    if limiter:
        app[LIMITER] = limiter
        app.on_cleanup.append(_close_limiter)
        _count_refusals(telemetry.metrics, limiter)
    in_progress = telemetry.metrics.edge.in_progress
    telemetry.metrics.observe_gauge(in_progress, lambda: draining.answering)
    mount(app.router, *ENDPOINTS)
    mount_pages(app.router)
    if telemetry.traces:
        traces = telemetry.traces
        app.on_cleanup.append(lambda _: traces.close())
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)
    places.learn(app.router)
    return app


async def _end_streams(app: web.Application) -> None:
    app[STREAMS].end()


def _tracing(telemetry: Telemetry, places: AccessLog) -> list[Middleware]:
    if telemetry.traces is None:
        return []
    from semvec.web.middleware.trace import trace  # its library is an extra

    return [trace(telemetry.traces, places)]


def _count_refusals(metrics: ServerMetrics, limiter: Limiter) -> None:
    for name, counter in metrics.edge.limited.items():
        metrics.observe_counter(counter, partial(limiter.refused.__getitem__, name))
    metrics.observe_counter(metrics.edge.unshared, lambda: limiter.unshared)


async def _close_limiter(app: web.Application) -> None:
    await app[LIMITER].close()


async def _running_service(app: web.Application) -> AsyncIterator[None]:
    await app[SERVICE].start()
    yield
    await app[SERVICE].close()


async def _watched_loop(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(watch(app[METRICS]), name="semvec-watch")
    yield
    task.cancel()
    await asyncio.wait([task])
