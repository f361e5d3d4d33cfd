"""The lock on a SQLite database, which decides which servers may open it."""

import fcntl
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from semvec.store.errors import StoreError
from semvec.store.sqlite_file import SqliteFile

log = logging.getLogger(__name__)

OWNER_ONLY = 0o600


def claim(file: SqliteFile, shared: bool) -> Callable[[], None]:
    """Lock the database, creating it if necessary; return the function that releases the lock.

    `<path>.lock` is locked first, as in every release, then the file itself, so that no other name
    of the file avoids the lock. The kernel releases both when the process ends for any reason.

    A process that closes a descriptor of a file loses all locks that SQLite has on it: the file's
    descriptor is closed last.
    """
    path = file.path
    if not path.parent.is_dir():
        raise StoreError(
            f"cannot open {path}: there is no directory {path.parent}; create it, or name another "
            "file in DATABASE_URL"
        )
    with ExitStack() as held:
        _lock(_opened(Path(f"{path}.lock"), path, held), path, shared)
        _refuse_lone_log(path)
        descriptor = _opened(path, path, held)
        _lock(descriptor, path, shared)
        status = os.fstat(descriptor)
        file.settle(status)
        file.check()
        if status.st_nlink > 1:
            log.warning(
                "%s has %d names: always use the same one, for its log goes by that name",
                *(path, status.st_nlink),
            )
        return held.pop_all().close
    raise AssertionError("unreachable")


def _opened(name: Path, path: Path, held: ExitStack) -> int:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    except OSError as error:
        raise StoreError(
            f"cannot open {path}: {name}: {error.strerror}; the server has to be allowed to write "
            "the database and the files beside it"
        ) from error
    held.callback(os.close, descriptor)
    return descriptor


def _lock(descriptor: int, path: Path, shared: bool) -> None:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(
            f"{path} is in use by another server; stop that one, or give this one a database of "
            "its own in DATABASE_URL (several servers can share a PostgreSQL database)"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror}; use a local disk") from error


def _refuse_lone_log(path: Path) -> None:
    """Raise StoreError if there is a log without its database; SQLite would delete the log."""
    log_file = Path(f"{path}-wal")
    waiting = log_file.is_file() and log_file.stat().st_size
    if waiting and not (path.is_file() and path.stat().st_size):
        raise StoreError(
            f"{path} is missing or empty, but {log_file} holds commits that belong to it: put the "
            f"database file back, or remove {log_file} to begin with an empty database"
        )
