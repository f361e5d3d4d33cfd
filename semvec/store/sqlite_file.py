"""The file of a SQLite database: its identity, and whether it is still at its path.

A path can be given to another file while a server has the first one open. So the file is identified
by its device and inode, and so are the log and the index that SQLite keeps with it. All methods
block; call them on threads only.
"""

import logging
import os
import sqlite3
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from semvec.store.errors import LogLost, Misplaced

logger = logging.getLogger(__name__)

GONE = "the database file is not at its path any more; changes are refused until it is back"
REPLACED = (
    "another file is at the path of the database; changes are refused until the file that is open "
    "is back, or the server is restarted with the other one"
)
LOG_LOST = (
    "the log or the index of the database was removed or replaced; changes are refused until all "
    "connections are opened again"
)


Inode = tuple[int, int]
"""Device and inode number, which identify a file under any name."""


class SqliteFile:
    """One database file. The first use resolves its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._settling = Lock()
        self._names: tuple[str, ...] = ()
        self._inode: Inode | None = None
        self._beside: tuple[Inode | None, Inode | None] = (None, None)
        self._log_lost = False
        self._connections: WeakSet[FileConnection] = WeakSet()

    @property
    def path(self) -> Path:
        """The path with symbolic links resolved at the first use."""
        return Path(self.names[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The resolved path, then the given name if that differs."""
        with self._settling:
            if not self._names:
                given = os.path.abspath(self._name)
                self._names = tuple(dict.fromkeys((os.path.realpath(given), given)))
            return self._names

    def settle(self, status: os.stat_result) -> None:
        """Set the file's identity. Raise Misplaced if it was another file before."""
        inode = _inode(status)
        with self._settling:
            if self._inode not in (None, inode):
                raise Misplaced(REPLACED)
            self._inode = inode

    def check(self) -> int:
        """Return the size of the log. Raise Misplaced if a file is not the one that is open."""
        for name in self._names or self.names:
            self._check_name(name)
        beside, size = self._look_beside()
        if self._connections and (self._log_lost or beside != self._beside):
            self._log_lost = True
            raise LogLost(LOG_LOST)
        return size

    def open(self, mode: str) -> "FileConnection":
        """Open a connection, without creating the file. Raise Misplaced, sqlite3.Error."""
        status = _status(self.names[0])
        if status is None:
            raise Misplaced(GONE)
        self.settle(status)
        if self._connections:
            self.check()
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            factory=FileConnection,
        )

    def join(self, connection: "FileConnection") -> None:
        """Watch the log that a new connection has opened. Raise Misplaced if the file was replaced
        meanwhile, or if other connections have another log."""
        for name in self.names:
            self._check_name(name)
        beside, _ = self._look_beside()
        with self._settling:
            if not self._connections:
                self._beside, self._log_lost = beside, False
            elif self._log_lost or beside != self._beside:
                self._log_lost = True
                raise LogLost(LOG_LOST)
            connection.file = self
            self._connections.add(connection)

    def leave(self, connection: "FileConnection") -> None:
        with self._settling:
            self._connections.discard(connection)

    @property
    def log_lost(self) -> bool:
        """Whether all open connections have to be closed before another is opened."""
        return self._log_lost and bool(self._connections)

    def _check_name(self, name: str) -> None:
        status = _status(name)
        if status is None:
            raise Misplaced(GONE)
        if (status.st_dev, status.st_ino) != self._inode:
            raise Misplaced(REPLACED)

    def _look_beside(self) -> tuple[tuple[Inode | None, Inode | None], int]:
        """Return the current log and index files, and the size of the log."""
        path = self._names[0]
        log, index = _status(path + "-wal"), _status(path + "-shm")
        return (log and _inode(log), index and _inode(index)), log.st_size if log else 0


class FileConnection(sqlite3.Connection):
    """A connection that saves its log on close, if no other process will find that log."""

    file: SqliteFile | None = None

    def close(self) -> None:
        file, self.file = self.file, None
        if file is None:
            return super().close()
        try:
            file.check()
        except OSError:
            self._save_log()
        finally:
            super().close()
            file.leave(self)

    def _save_log(self) -> None:
        """Checkpoint the log into the database file; both are still open."""
        try:
            self.rollback()
            _, held, saved = self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            logger.error("the log of the database could not be saved: %s", error)
            return
        if saved < held:
            logger.warning("%d of %d pages of the log are left to others", held - saved, held)


def _inode(status: os.stat_result) -> Inode:
    return status.st_dev, status.st_ino


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
