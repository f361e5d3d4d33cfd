"""`semvec session`: export and import sessions of a running server over HTTP."""

import json
import os
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, TypeAlias, cast
from urllib.parse import quote, urlsplit

from semvec.progress import Counted, Progress
from semvec.settings import load_settings

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"

DEFAULT_URL = "http://127.0.0.1:8080"
FILE_CHUNK = 256 * 1024
CLIENT_CONNECT_S = 30.0
MAX_FILE_BYTES = 1 << 28
"""Largest core, control or memory of an export, in characters."""


class RequestFailed(Exception):
    """The server answered with an error; the text is the server's."""


class Server:
    """A client for a running server, with the token of the environment."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"--url is no http:// or https:// address: {url}")
        self._kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._host, self._port = address.hostname, address.port
        self._prefix, self._url = address.path.rstrip("/"), url
        token = load_settings().license_key
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def json(self, method: str, path: str, **fields: object) -> Any:
        with self.answer(method, path, json.dumps(fields).encode()) as response:
            return json.load(response)

    @contextmanager
    def answer(
        self, method: str, path: str, body: bytes | Counted = b"", size: int | None = None
    ) -> Iterator[HTTPResponse]:
        """Send a request and yield its response. Raise RequestFailed or OSError."""
        connection = self._kind(
            self._host, self._port, timeout=CLIENT_CONNECT_S, blocksize=FILE_CHUNK
        )
        length = str(len(body) if isinstance(body, bytes) else size)
        headers = {**self._headers, "Content-Type": "application/json", "Content-Length": length}
        try:
            self._connect(connection)
            with suppress(BrokenPipeError, ConnectionResetError):  # the answer may explain it
                connection.request(method, self._prefix + path, body, headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise RequestFailed(_reason(response))
            yield response
        except HTTPException as error:
            raise OSError(f"{self._url}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            connection.connect()
        except OSError as error:
            raise OSError(f"cannot reach {self._url}: {error}; is the server running?") from error
        connection.sock.settimeout(None)  # a large session may take long


def export_session(session: str, output: Path | None, url: str) -> int:
    server = Server(url)
    # No progress line on a terminal that shows the session itself.
    shown = None if output is None and sys.stdout.isatty() else sys.stderr
    with Progress(f"export {session}", shown) as progress:
        progress.stage("waiting for the server")
        with server.answer("GET", f"{_path(session)}/export") as response:
            if output is None:
                _copy(response, sys.stdout.buffer, progress)
            else:
                with _replacing(output) as file:
                    _copy(response, file, progress)
                    progress.stage(f"writing {output.name}")
    return 0


def import_session(file: Path, session: str | None, url: str) -> int:
    server = Server(url)
    with file.open("rb") as source, Progress(f"import {file.name}", sys.stderr) as progress:
        named, kind = _look_into(source, progress)
        target = session or named
        if target is None:
            raise ValueError(f"{file} names no session: say which one with --session")
        made = server.json("POST", "/v1/session/create", session_id=target, **kind)
        source.seek(0)
        try:
            _send(server, source, target, progress)
        except BaseException:
            if made["created"]:
                server.json("DELETE", _path(target))
            raise
    print(target)
    return 0


def add_session_commands(commands: Commands) -> None:
    session = commands.add_parser(
        "session",
        help="sessions of a running server, to and from files",
        description="SEMVEC_LICENSE_KEY is the token that is sent. Exit status: 0 done, 1 a file "
        "or the connection failed, 2 wrong usage, 3 the server refused.",
    ).add_subparsers(required=True, metavar="COMMAND")
    out = session.add_parser("export", help="write all of a session as JSON")
    out.add_argument("session", metavar="ID")
    out.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    out.set_defaults(command=export_session)
    back = session.add_parser("import", help="replace all of a session by what was exported")
    back.add_argument("file", type=Path, metavar="FILE")
    back.add_argument(
        "--session", metavar="ID", help="made if it is not there (default: the exported one's)"
    )
    back.set_defaults(command=import_session)
    for each in (out, back):
        each.add_argument("--url", default=DEFAULT_URL, help="default: %(default)s")


def _look_into(source: BinaryIO, progress: Progress) -> tuple[str | None, dict[str, Any]]:
    """Return the exported session's id, and its dimension and model. Raise ValueError."""
    progress.stage("checking the file", _size(source))
    from semvec.document import DocumentReader, run_through  # imports NumPy, which is slow
    from semvec.errors import Malformed

    reader = DocumentReader(cast(BinaryIO, Counted(source, progress)), MAX_FILE_BYTES)
    try:
        profile = run_through(reader.check()).profile
    except Malformed as error:
        raise ValueError(f"{source.name}: {error.detail}") from error
    named = reader.beside.get("session_id")
    kind = {"dimension": profile.dimension, "model_name": profile.model}
    return named if isinstance(named, str) else None, kind


def _send(server: Server, source: BinaryIO, session: str, progress: Progress) -> None:
    size = _size(source)
    progress.stage("sending", size)
    body = Counted(source, progress, afterwards="the server takes it in")
    with server.answer("POST", f"{_path(session)}/import", body, size):
        pass


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _copy(response: HTTPResponse, file: BinaryIO, progress: Progress) -> None:
    total, done = response.length or 0, 0
    progress.stage("receiving", total)
    while chunk := response.read(FILE_CHUNK):
        file.write(chunk)
        done += len(chunk)
        progress.add(len(chunk))
    if done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file that replaces `path` once it is complete and on disk."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _path(session: str) -> str:
    return f"/v1/session/{quote(session, safe='')}"


def _reason(response: HTTPResponse) -> str:
    """Return the server's error message on one line."""
    answer = response.read(FILE_CHUNK)
    try:
        detail = json.loads(answer)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.decode(errors="replace").strip()
    if isinstance(detail, list):
        detail = "; ".join(str(fault["msg"]) for fault in detail)
    return f"the server answered {response.status}: {detail}"
