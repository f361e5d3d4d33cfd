"""The web application."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from semvec.licensing.verifier import Verifier, open_verifier
from semvec.limits.limiter import open_limiter
from semvec.service import Service, open_service
from semvec.settings import Settings, SettingsError, load_settings
from semvec.web.cors import allow_origins
from semvec.web.endpoint import mount
from semvec.web.keys import CLIENT, DOCUMENT, LIMITER, SERVICE, SETTINGS
from semvec.web.middleware.auth import PUBLIC, authenticate
from semvec.web.middleware.client import locate
from semvec.web.middleware.errors import answer_errors
from semvec.web.middleware.limits import limit_logins, limit_requests, tell_limits
from semvec.web.middleware.request_id import identify
from semvec.web.openapi import describe
from semvec.web.routes import ENDPOINTS
from semvec.web.routes.pages import mount_pages


def create_app(settings: Settings | None = None) -> web.Application:
    """The application as configured, to be served alone or mounted with `add_subapp`.

    Raises SettingsError where the server cannot start as it is configured.
    """
    settings = settings or load_settings()
    service = open_service(settings)
    return assemble(settings, service, open_verifier(settings, revoked=service.revoked))


def from_argv(argv: Sequence[str]) -> web.Application:
    """For `python -m aiohttp.web semvec.web:from_argv`, whose own options say where to listen."""
    if argv:
        raise SettingsError(f"settings are taken from the environment alone, not {argv[0]!r}")
    return create_app()


def assemble(settings: Settings, service: Service, verifier: Verifier | None) -> web.Application:
    limiter = open_limiter(settings)
    app = web.Application(
        middlewares=[
            identify,
            answer_errors,
            locate(settings.trusted_proxies),
            *([limit_logins(limiter, verifier)] if limiter else ()),
            authenticate(verifier, settings.allow_anonymous, _refused),
            *([limit_requests(limiter)] if limiter else ()),
        ],
        client_max_size=settings.max_body_bytes,
    )
    app[SETTINGS] = settings
    app[SERVICE] = service
    app[DOCUMENT] = describe(ENDPOINTS, PUBLIC)
    app.cleanup_ctx.append(_running_service)
    app.on_shutdown.append(_end_streams)
    if limiter:
        app[LIMITER] = limiter
        app.on_response_prepare.append(tell_limits)
        app.on_cleanup.append(_close_limiter)
    mount(app.router, *ENDPOINTS)
    mount_pages(app.router)
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)
    return app


def _refused(request: web.Request) -> None:
    request.app[SERVICE].trail.refused(request[CLIENT])


async def _close_limiter(app: web.Application) -> None:
    await app[LIMITER].close()


async def _end_streams(app: web.Application) -> None:
    app[SERVICE].following.end()


async def _running_service(app: web.Application) -> AsyncIterator[None]:
    await app[SERVICE].start()
    yield
    await app[SERVICE].close()
