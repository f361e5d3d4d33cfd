"""HTTPS by real servers and certificates of their own."""

import asyncio
import signal
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from semvec.errors import StartError
from semvec.settings import Settings, SettingsError, load_settings
from semvec.web import tls
from semvec.web.tls import Certificate, open_certificate
from tests.servers import Server, serving

GET = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"


class Files:
    """A certificate for 127.0.0.1 that signs itself, and its key; `name` tells one from another."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"

    def write(self, name: str, encryption: KeySerializationEncryption | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
            )
            .sign(key, SHA256())
        )
        self.cert.write_bytes(certificate.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
        self.key.write_bytes(secret)

    @property
    def flags(self) -> tuple[str, ...]:
        return "--tls-cert", str(self.cert), "--tls-key", str(self.key)

    @property
    def settings(self) -> Settings:
        return Settings(tls_cert=self.cert, tls_key=self.key, memory_bytes=1)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.cert))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write("first")
    return made


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(server: Server, context: ssl.SSLContext | None) -> Streams:
    address = urlsplit(server.url)
    return await asyncio.open_connection(address.hostname, address.port, ssl=context)


async def ask(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


async def name_of(server: Server, context: ssl.SSLContext) -> str:
    """Of the certificate that a new connection meets."""
    streams = await connect(server, context)
    assert (await ask(streams)).startswith(b"HTTP/1.1 200 ")
    peer: Any = streams[1].get_extra_info("peercert")
    streams[1].close()
    return str(peer["subject"][0][0][1])


async def test_a_new_certificate_is_taken_on_a_hangup_and_no_connection_is_dropped(
    sqlite_url: str, tmp_path: Path, files: Files
) -> None:
    async with serving(sqlite_url, tmp_path, *files.flags) as server:
        assert server.url.startswith("https://127.0.0.1:")
        first = files.trust()
        kept = await connect(server, first)
        head = await ask(kept)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"Strict-Transport-Security" not in head

        files.write("second")
        assert await name_of(server, first) == "first"
        server.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(5):
            while "read again" not in server.log.read_text():
                await ask(kept)
        assert await name_of(server, files.trust()) == "second"
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(server, first)

        second = files.trust()
        files.key.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(5):
            while "stays as it was" not in server.log.read_text():
                await ask(kept)
        assert await name_of(server, second) == "second"
        kept[1].close()
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(10) == 0
        assert "Traceback" not in server.log.read_text()


async def test_of_two_hangups_the_later_one_counts(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = await asyncio.to_thread(Certificate, files.cert, files.key)
    gate, read = threading.Event(), []

    def slow_at_first(cert: Path, key: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        read.append(context)
        if len(read) == 1:
            gate.wait(0.2)
        return context

    monkeypatch.setattr(tls, "_load", slow_at_first)
    certificate._start_reloading()
    certificate._start_reloading()
    assert certificate._reloading is not None
    await certificate._reloading
    await asyncio.sleep(0.3)
    assert certificate._newest is read[1]


async def test_tls_1_2_is_the_oldest_and_http_1_1_what_is_spoken(
    sqlite_url: str, tmp_path: Path, files: Files
) -> None:
    async with serving(sqlite_url, tmp_path, *files.flags) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = files.trust()
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            streams = await connect(server, context)
            assert (await ask(streams)).startswith(b"HTTP/1.1 200 ")
            connection: ssl.SSLObject = streams[1].get_extra_info("ssl_object")
            assert connection.selected_alpn_protocol() == "http/1.1"
            streams[1].close()
        old = files.trust()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await connect(server, old)


async def test_who_speaks_no_tls_or_says_nothing_is_let_go(
    sqlite_url: str, tmp_path: Path, files: Files
) -> None:
    deadline = {"SEMVEC_REQUEST_DEADLINE_S": "1", "SEMVEC_MAX_CONNECTIONS_PER_IP": "1"}
    async with serving(sqlite_url, tmp_path, *files.flags, **deadline) as server:
        reader, writer = await connect(server, None)
        async with asyncio.timeout(5):
            assert await reader.read() == b""  # no handshake
            writer.close()
            reader, writer = await connect(server, None)
            writer.write(GET)
            assert b"HTTP" not in await reader.read()
            writer.close()
        only = await connect(server, files.trust())
        assert (await ask(only)).startswith(b"HTTP/1.1 200 ")
        reader, writer = await connect(server, files.trust())
        assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        for streams in (only, (reader, writer)):
            streams[1].close()
        log = server.log.read_text()
        assert "Traceback" not in log, log


def test_files_that_cannot_be_used_are_named(files: Files, tmp_path: Path) -> None:
    other = Files(tmp_path / "other")
    other.key.parent.mkdir()
    other.write("other")
    files.key.write_bytes(other.key.read_bytes())
    with pytest.raises(StartError, match=r"key\.pem is not the key of the certificate"):
        open_certificate(files.settings)
    files.write("locked", BestAvailableEncryption(b"secret"))
    with pytest.raises(StartError, match=r"--tls-key: .*key\.pem: is encrypted"):
        open_certificate(files.settings)
    files.write("garbled")
    files.cert.write_text("nonsense")
    with pytest.raises(StartError, match="have to be PEM files"):
        open_certificate(files.settings)
    files.cert.unlink()
    with pytest.raises(StartError, match=r"--tls-cert: .*cert\.pem: No such file"):
        open_certificate(files.settings)


def test_one_file_without_the_other_is_refused(files: Files) -> None:
    with pytest.raises(SettingsError, match="--tls-key: is missing"):
        load_settings({}, tls_cert=str(files.cert))
    with pytest.raises(SettingsError, match="--tls-cert: is missing"):
        load_settings({}, tls_key=str(files.key))
    assert open_certificate(load_settings({})) is None
