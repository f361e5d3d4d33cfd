"""PgBouncer in transaction mode before a test's database."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

START_WITHIN_S = 10
IGNORED = "lock_timeout,statement_timeout,jit,idle_in_transaction_session_timeout"
TLS = """
client_tls_sslmode = require
client_tls_cert_file = cert.pem
client_tls_key_file = key.pem
"""
PROGRAMS = "/usr/sbin:/usr/bin:/usr/local/bin"


@contextmanager
def pooled(
    url: str,
    *,
    mode: str = "transaction",
    ignore: str = "",
    size: int = 3,
    tls: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """The same database through a pooler that hands out `size` sessions, and never the same one to
    the same client where it can choose. `tls`, a certificate and its key, lets in nothing else."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{PROGRAMS}")
    if program is None:
        missing = "no pgbouncer on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with TemporaryDirectory(prefix="semvec-pgbouncer-") as folder:
        port = _free_port()
        configured = _configured(url, port, mode, ignore, size)
        if tls is not None:
            configured += TLS
            shutil.copy(tls[0], Path(folder) / "cert.pem")
            shutil.copy(tls[1], Path(folder) / "key.pem")
        (Path(folder) / "pgbouncer.ini").write_text(configured)
        (Path(folder) / "users").write_text(f'"{make_url(url).username}" ""\n')
        process = subprocess.Popen(
            [*_as_no_root(folder), program, "-q", "pgbouncer.ini"], cwd=folder
        )
        try:
            _wait_for(port)
            through = make_url(url).set(host="127.0.0.1", port=port)
            yield through.render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _configured(url: str, port: int, mode: str, ignore: str, size: int) -> str:
    server = make_url(url)
    login = f"user={server.username}" + (f" password={server.password}" if server.password else "")
    return f"""
[databases]
{server.database} = host={server.host} port={server.port or 5432} dbname={server.database} {login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = users
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = 1
{f"ignore_startup_parameters = {ignore}" if ignore else ""}
"""


def _as_no_root(folder: str) -> list[str]:
    """PgBouncer does not run as root."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    for path in (Path(folder), *Path(folder).iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    identity = ["--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
    return ["setpriv", *identity]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("pgbouncer does not start")
