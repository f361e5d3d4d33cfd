"""HTTPS: a certificate and key that can be renewed while the server runs."""

import asyncio
import logging
import signal
import ssl
from pathlib import Path
from typing import TypedDict

from semvec.errors import StartError
from semvec.settings import Settings

log = logging.getLogger(__name__)


class Certificate:
    """The certificate as it was last read.

    A handshake uses the newest one; open connections keep theirs.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        """Read the files; blocking. Raise StartError."""
        self._cert, self._key = cert, key
        self.context = self._newest = _load(cert, key)
        self.context.sni_callback = self._take_newest
        self._reloading: asyncio.Task[None] | None = None

    def reload_on_hangup(self) -> None:
        """Read the files again on SIGHUP. If they are not usable, nothing changes."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._start_reloading)

    def _start_reloading(self) -> None:
        before = self._reloading
        self._reloading = asyncio.create_task(self._reload(before), name="semvec-certificate")

    async def _reload(self, before: asyncio.Task[None] | None) -> None:
        """Read the files after any earlier reload has finished, so that the last signal wins."""
        if before is not None:
            await asyncio.wait([before])
        try:
            self._newest = await asyncio.to_thread(_load, self._cert, self._key)
        except StartError as error:
            log.error("the certificate stays as it was: %s", error)
        else:
            log.info("certificate read again from %s", self._cert)

    def _take_newest(
        self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> None:
        """Select the newest certificate. OpenSSL calls this for every ClientHello, with or without
        a server name."""
        connection.context = self._newest


class Tls(TypedDict, total=False):
    """Arguments for accepting connections; empty for plain HTTP."""

    ssl: ssl.SSLContext
    ssl_handshake_timeout: float


def accepting(certificate: Certificate | None, handshake_s: float) -> Tls:
    if certificate is None:
        return {}
    return {"ssl": certificate.context, "ssl_handshake_timeout": handshake_s}


def open_certificate(settings: Settings) -> Certificate | None:
    """Read the configured certificate; None for plain HTTP. Blocking; raise StartError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)


def _load(cert: Path, key: Path) -> ssl.SSLContext:
    for flag, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise StartError(f"{flag}: {path}: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_refuse)
    except ValueError as error:  # of a password
        raise StartError(f"--tls-key: {key}: {error}") from error
    except ssl.SSLError as error:
        raise StartError(_reason(error, cert, key)) from error
    return context


def _reason(error: ssl.SSLError, cert: Path, key: Path) -> str:
    if "MISMATCH" in (error.reason or ""):
        return f"--tls-key: {key} is not the key of the certificate in {cert}"
    return (
        f"--tls-cert, --tls-key: {cert} and {key} have to be PEM files of a certificate (its "
        "chain after it) and its private key"
    )


def _refuse() -> str:
    """Refuse an encrypted key: OpenSSL would prompt at the terminal."""
    raise ValueError("is encrypted; a server needs a key without a password")
