"""Telemetry interfaces."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Literal, Protocol

Reason = Literal["idle", "room", "closing"]
"""Why a session was evicted: unused, no room (too many sessions or bytes), or server shutdown."""

Span = Callable[[str], AbstractContextManager[object]]
"""Opens a span for a part of the current request; `nullcontext` without tracing."""


class Batches(Protocol):
    """Metrics of batched work. Called on the event loop; times are in seconds."""

    def done(self, size: int, waited: float, took: float) -> None:
        """Record a finished batch; `waited` is the time its oldest item had waited at its start."""

    def failed(self) -> None:
        """Record a batch that failed or whose outcome is unknown."""


class SessionLife(Protocol):
    """Metrics of cached sessions. Called on the event loop; times are in seconds."""

    def loaded(self, took: float) -> None:
        """Record that a session was loaded from storage."""

    def evicted(self, reason: Reason) -> None: ...

    def snapshot(self, saved: bool) -> None: ...

    def repeated(self) -> None:
        """Record a change that was decided again because another process committed first."""

    def drifted(self, inputs: int) -> None:
        """Record inputs that began a new segment."""

    def archived(self, memories: int) -> None: ...

    def consolidated(self, memories: int) -> None:
        """Record a batch of consolidation and the memories it judged."""


class Silent:
    """Telemetry that discards everything."""

    def done(self, size: int, waited: float, took: float) -> None:
        pass

    def failed(self) -> None:
        pass

    def loaded(self, took: float) -> None:
        pass

    def evicted(self, reason: Reason) -> None:
        pass

    def snapshot(self, saved: bool) -> None:
        pass

    def repeated(self) -> None:
        pass

    def drifted(self, inputs: int) -> None:
        pass

    def archived(self, memories: int) -> None:
        pass

    def consolidated(self, memories: int) -> None:
        pass


SILENT: Final = Silent()
