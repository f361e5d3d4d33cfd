"""Storage that fails at its n-th call, as a disk or a network would."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine


class Fault(Enum):
    IO_ERROR = "disk I/O error"
    DISK_FULL = "database or disk is full"
    LOST_BEFORE = "connection lost before the call"
    LOST_AFTER = "connection lost after the call, before its answer"


class Faults:
    """Counts the calls of an engine to its driver, and lets one of them fail.

    The fault rises where the driver's would, below SQLAlchemy's own handling of errors.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.calls = 0
        self.fired = False
        self._at: int | None = None
        self._fault = Fault.IO_ERROR
        self._dialect: Any = engine.sync_engine.dialect
        for name in ("do_execute", "do_executemany", "do_commit"):
            setattr(self._dialect, name, self._failing(getattr(self._dialect, name)))

    def arm(self, at: int, fault: Fault) -> None:
        """Let the at-th call from now (1 is the next one) fail, once."""
        self.calls, self.fired = 0, False
        self._at, self._fault = at, fault

    def _failing(self, call: Callable[..., None]) -> Callable[..., None]:
        def failing(target: Any, *rest: Any) -> None:
            self.calls += 1
            if self.calls != self._at:
                return call(target, *rest)
            self.fired = True
            if self._fault is Fault.LOST_AFTER:
                call(target, *rest)
            if self._fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER):
                self._lose(target, rest)
            raise self._dialect.loaded_dbapi.OperationalError(self._fault.value)

        return failing

    def _lose(self, target: Any, rest: tuple[Any, ...]) -> None:
        """End the connection; the driver itself says so at the next use."""
        if self._dialect.name == "sqlite":
            raise self._dialect.loaded_dbapi.OperationalError("Connection closed")
        connection = rest[-1].root_connection.connection if rest else target
        connection.driver_connection.terminate()
