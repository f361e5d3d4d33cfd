"""The server process: start, listen, drain, stop."""

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence

import uvloop
from aiohttp import web
from yarl import URL

from semvec import __version__
from semvec.errors import SemvecError, StartError
from semvec.machine import keep_freed_memory
from semvec.settings import Settings
from semvec.standard_streams import announce, open_closed_streams
from semvec.store.errors import StoreError
from semvec.telemetry.factory import open_telemetry
from semvec.telemetry.log_writer import LogWriter
from semvec.telemetry.loop import log_stray_exception
from semvec.telemetry.starting import format_for
from semvec.web import create_app
from semvec.web.connection import HttpConnection
from semvec.web.connection_limiter import ConnectionLimiter
from semvec.web.draining import DRAINING, Draining
from semvec.web.stream import STREAMS
from semvec.web.tls import Tls, accepting, open_certificate

BACKLOG = 1024
"""Connections that the kernel may queue before the server accepts them."""

LAST_WORDS_S = 0.5
"""Seconds for which open connections are still answered, then closed, after the listener has
closed. aiohttp waits as long, twice, after the requests in flight have had their time."""

HANDLER_TIMEOUT_S = 3.0
"""Seconds that requests in flight may take at shutdown; the rest is answered 503."""

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Run the server until a signal. Raise StartError."""
    open_closed_streams()
    outbox = LogWriter(sys.stderr, format_for(settings, sys.stderr))
    log_to(outbox, settings.log_level)
    try:
        _serve_and_log(settings, outbox)
    finally:
        outbox.close()


def _serve_and_log(settings: Settings, outbox: LogWriter) -> None:
    if settings.allow_anonymous and not all(map(_is_loopback, _hosts(settings.host))):
        log.warning(
            "ANYBODY who reaches %s may read and write: SEMVEC_ALLOW_ANONYMOUS is for development",
            settings.host,
        )
    _open_files()
    keep_freed_memory()
    uvloop.run(_serve(settings, outbox))


def _open_files() -> None:
    """Raise the limit of open files to the maximum: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems name a limit they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def log_to(handler: logging.Handler, level: str) -> None:
    logging.basicConfig(handlers=[handler])
    for name in ("semvec", "aiohttp"):
        logging.getLogger(name).setLevel(level.upper())
    # semvec.access logs requests, at lower cost.
    logging.getLogger("aiohttp.access").disabled = True


async def _serve(settings: Settings, outbox: LogWriter) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_stray_exception)
    certificate = open_certificate(settings)
    with _told_in_short():
        telemetry = open_telemetry(settings, outbox=outbox)
        app = create_app(settings, telemetry)
    draining = app[DRAINING]
    _stop_on_signals(draining)
    runner = web.AppRunner(app, shutdown_timeout=LAST_WORDS_S)
    crowd = ConnectionLimiter(settings.max_connections_per_ip)
    metrics = telemetry.metrics
    metrics.observe_counter(metrics.edge.connections_refused, lambda: crowd.turned_away)
    try:
        with _told_in_short():
            await runner.setup()
            listeners = _listen(settings.host, settings.port)
        assert runner.server
        connection = HttpConnection.factory(runner.server, settings.request_deadline_s, crowd)
        if certificate:
            certificate.reload_on_hangup()
        tls = accepting(certificate, settings.request_deadline_s)
        servers = [
            await loop.create_server(connection, sock=listener, backlog=BACKLOG, **tls)
            for listener in listeners
        ]
        gc.freeze()  # the garbage collector need not scan modules and the application
        addresses = " and ".join(str(_address(listener, tls)) for listener in listeners)
        announce(f"semvec {__version__} listening on {addresses}", sys.stdout)
        await draining.until_begun()
        log.info("stopping")
        app[STREAMS].end()
        if settings.drain_delay_s:
            await asyncio.sleep(settings.drain_delay_s)
        late = [
            task for listener in listeners for task in _accept_waiting(listener, connection, tls)
        ]
        for server in servers:
            server.close()
        await asyncio.gather(*late)
        await asyncio.sleep(LAST_WORDS_S)
        with contextlib.suppress(TimeoutError):  # aiohttp's shutdown would cut answers
            await asyncio.wait_for(draining.until_idle(), HANDLER_TIMEOUT_S)
        draining.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(draining.until_idle(), LAST_WORDS_S)
    finally:
        await runner.cleanup()
    log.info("stopped")


@contextlib.contextmanager
def _told_in_short() -> Iterator[None]:
    """Report errors that an operator can fix without a traceback."""
    try:
        yield
    except (OSError, ValueError, SemvecError, StoreError) as error:
        log.debug("cannot start", exc_info=True)
        raise StartError(str(error)) from error


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen on each address. A port that the system chooses for the first is used for all."""
    listeners: list[socket.socket] = []
    for each in _hosts(host):
        listener = _listen_on(each, listeners[0].getsockname()[1] if listeners else port)
        listeners.append(listener)
    return listeners


def _hosts(host: str) -> list[str]:
    return [each.strip().strip("[]") for each in host.split(",")]


def _listen_on(host: str, port: int) -> socket.socket:
    """Listen on one address. `::` accepts IPv4 and IPv6 where the system supports both."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(address[:2], family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise StartError(
            f"cannot listen on {host}, port {port}: {reason}; choose others with --host and --port"
        ) from error
    listener.setblocking(False)
    return listener


def _accept_waiting(
    listener: socket.socket, connection: Callable[[], HttpConnection], tls: Tls
) -> Sequence[Awaitable[object]]:
    """Accept the connections that the kernel has queued; closing the listener would reset them."""
    loop, late = asyncio.get_running_loop(), []
    with contextlib.suppress(OSError):
        for _ in range(BACKLOG):
            accepted, _ = listener.accept()
            late.append(loop.create_task(loop.connect_accepted_socket(connection, accepted, **tls)))
    return late


def _stop_on_signals(draining: Draining) -> None:
    def on_signal(number: int) -> None:
        if draining.begun:
            os._exit(128 + number)
        draining.begin()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)


def _address(listener: socket.socket, tls: Tls) -> URL:
    host, port = listener.getsockname()[:2]
    return URL.build(scheme="https" if tls else "http", host=host, port=port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
