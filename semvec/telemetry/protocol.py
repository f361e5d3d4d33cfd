"""What the parts of the server tell of their work, whoever hears it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Literal, Protocol

Reason = Literal["idle", "room", "closing"]
"""Why a session left memory: unused; too many, or too large together; the server stops."""

Span = Callable[[str], AbstractContextManager[object]]
"""Names a part of the current request in its trace; `nullcontext` where there is no trace."""


class Batches(Protocol):
    """Work that is done together. Called on the event loop; times are in seconds."""

    def done(self, size: int, waited: float, took: float) -> None:
        """So many together; the oldest of them had waited when they began."""

    def failed(self) -> None:
        """A batch came to nothing, or nobody knows what became of it."""


class SessionLife(Protocol):
    """What becomes of sessions in memory. Called on the event loop; times are in seconds."""

    def loaded(self, took: float) -> None:
        """One was rebuilt out of storage."""

    def evicted(self, reason: Reason) -> None: ...

    def snapshot(self, saved: bool) -> None: ...

    def repeated(self) -> None:
        """A change was decided again, because another process was faster."""

    def drifted(self, inputs: int) -> None:
        """So many inputs opened a new segment."""

    def archived(self, memories: int) -> None: ...

    def consolidated(self, memories: int) -> None:
        """A batch of consolidation judged so many."""


class Silent:
    """Heard by nobody."""

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
