"""The records that go into storage and come out of it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import Connection

from semvec.store.line import line_after
from semvec.store.probe import Probe


class SessionKind(IntEnum):
    """The kind of a session; one that is not PLAIN is created and deleted with the cluster, region
    or observer that it belongs to."""

    PLAIN = 0
    BACKING = 1
    META = 2


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a session: `seq` is its last committed event; `key` is never used again.

    `line` identifies the events up to `seq`. It and `dimension` are None if an earlier release
    wrote the session's last event.
    """

    key: int
    owner: str
    session_id: str
    seq: int
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    kind: int = SessionKind.PLAIN
    dimension: int | None = None
    line: bytes | None = None


@dataclass(frozen=True, slots=True)
class HeadSummary:
    """A head with the session's state; the state is None if an earlier release wrote the last
    event."""

    key: int
    owner: str
    session_id: str
    seq: int
    snapshot_seq: int
    last_used_at: float
    interaction_count: int
    total_memories: int
    dimension: int | None
    mean: bytes | None
    phase: str | None
    drift_phase: str | None
    line: bytes | None = None


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """The content of one memory, which never changes; `fold` is the digest of its normalised
    text."""

    id: int
    hash: str
    fold: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class ArchivedRow:
    """A memory that moves from the tiers to the archive, and the distinct terms of its index
    entries."""

    row: MemoryRow
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PieceRow:
    """A component of a session, which never changes while it exists."""

    id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Create:
    """Create a session. `mean` is its first state: float32, little-endian."""

    owner: str
    session_id: str
    created_at: float
    event: bytes
    kind: int = SessionKind.PLAIN
    dimension: int | None = None
    mean: bytes | None = None
    phase: str | None = None
    drift_phase: str | None = None

    @property
    def name(self) -> tuple[str, ...]:
        return "sessions", self.owner, self.session_id

    @property
    def line(self) -> bytes | None:
        return line_after(None, (self.event,))


@dataclass(frozen=True, slots=True)
class Append:
    """Append events that were decided on head `seq` and `line`; they become seq + 1, seq + 2, and
    so on.

    The memories in `returned` leave the archive before those in `archived` enter it. `mean` is the
    state after the events, in the format of Create; both phases are those after the events.
    """

    key: int
    seq: int
    events: tuple[bytes, ...]
    used_at: float
    interaction_count: int
    total_memories: int
    archived: tuple[ArchivedRow, ...] = ()
    returned: tuple[int, ...] = ()
    dimension: int | None = None
    mean: bytes | None = None
    phase: str | None = None
    drift_phase: str | None = None
    line: bytes | None = None
    next_line: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "next_line", line_after(self.line, self.events))

    @property
    def last_seq(self) -> int:
        return self.seq + len(self.events)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Save a session as of `seq` on its `line`.

    `memories` are those in the tiers that have no row yet, `pieces` the components without a row.
    The components in `dropped` no longer exist. All other rows were written with the snapshot as of
    `base`, or an earlier one; 0 for none.
    """

    key: int
    seq: int
    payload: bytes
    memories: tuple[MemoryRow, ...]
    pieces: tuple[PieceRow, ...] = ()
    dropped: tuple[int, ...] = ()
    line: bytes | None = None
    base: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    key: int


@dataclass(frozen=True, slots=True)
class BeginImport:
    """Begin an import; the key of its rows is `-number` until a session adopts them."""

    at: float
    number: int


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Some of the rows of an import."""

    hot: tuple[MemoryRow, ...] = ()
    archived: tuple[ArchivedRow, ...] = ()
    pieces: tuple[PieceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class StageImport:
    """Stage rows of an import, at time `at`; they are invisible before the Replace."""

    content: int
    at: float
    rows: StagedRows


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace all contents of a session with staged rows and their snapshot.

    This counts as one event: the snapshot's seq is the head's plus one.
    """

    key: int
    content: int
    snapshot: bytes
    used_at: float
    interaction_count: int
    total_memories: int
    dimension: int | None = None
    mean: bytes | None = None
    phase: str | None = None
    drift_phase: str | None = None

    def line_from(self, line: bytes | None) -> bytes | None:
        """Return the line after the import, from that of the head before it."""
        which = f"{self.content} {self.used_at!r}".encode()
        return line_after(line, (self.snapshot, which))


@dataclass(frozen=True, slots=True)
class DiscardImports:
    """Discard imports that are not finished."""

    contents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EraseContent:
    """Erase a batch of a content that no session owns any more."""

    content: int


@dataclass(frozen=True, slots=True)
class NoOp:
    """Write nothing but the audit entries."""


@dataclass(frozen=True, slots=True)
class ExpireAudit:
    """Delete up to `most` of the audit log's oldest rows, older than `before`."""

    before: float
    most: int


@dataclass(frozen=True, slots=True)
class ExpireAnswers:
    """Delete up to `most` stored answers older than `before`."""

    before: float
    most: int


@dataclass(frozen=True, slots=True)
class TrimAnswers:
    """Delete up to `most` of a subject's oldest answers, if it has more than `bound`."""

    subject: str
    bound: int
    most: int


class GuardedChange(ABC):
    """A change of other tables' rows, guarded by the locks of sessions' heads.

    It conflicts if a session in `heads` does not exist. `decide` runs once the heads are locked and
    before any write of the transaction; it returns False on a conflict. `carry_out` writes the
    rows.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def heads(self) -> Collection[int]:
        """The keys of the sessions whose heads are locked."""

    @abstractmethod
    def decide(self, connection: Connection) -> bool: ...

    @abstractmethod
    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        """Write the rows. `made` are the heads of the sessions that the same transaction creates,
        in order."""


class UnconditionalChange(GuardedChange):
    """A change that conflicts only if a head does not exist."""

    __slots__ = ()

    def decide(self, connection: Connection) -> bool:
        return True


class UniqueRow(ABC):
    """A row with a unique name; the first writer gets it.

    Names are reserved in order, before heads are locked, so that servers cannot deadlock.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> tuple[str, ...]:
        """The table, then the row's key."""

    @abstractmethod
    def insert(self, connection: Connection) -> bool:
        """Insert the row; return False if it exists, also if another transaction is inserting it
        now."""

    @abstractmethod
    def release(self, connection: Connection) -> None:
        """Delete the row that `insert` inserted in the same transaction."""


Operation = Create | Append | Replace | Delete | GuardedChange | UniqueRow


@dataclass(frozen=True, slots=True)
class Transaction:
    """Several operations, of which all take effect or none does.

    All are decided, in order, before any is carried out. An Append sees the head as moved by an
    Append before it; a GuardedChange sees no write of its own transaction. An Append whose key is
    -n goes to the n-th session that the transaction creates.
    """

    parts: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Nothing of a Transaction took effect, because this part conflicted."""

    part: Operation


CreatedHeads = tuple[Head, ...]
"""The heads of the sessions that a Transaction has created, in order."""

ImportOperation = BeginImport | StageImport | DiscardImports | EraseContent
Upkeep = NoOp | ExpireAudit | ExpireAnswers | TrimAnswers | Probe
WriterOperation = (
    Create | Append | Snapshot | Replace | Delete | Transaction | ImportOperation | Upkeep
)
WriteOutcome = Head | int | bool | CreatedHeads | Conflicted | None
"""For a Create the new head, or None if the session exists; for a Transaction the heads created, or
the part that conflicted; for a BeginImport the key of the staged rows; for the others whether it
took effect."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest events of a session as (seq, payload), and its head's `line`, all as of one
    moment; without events `line` is None."""

    line: bytes | None
    events: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class StoredSession:
    """All rows that rebuild a session, as of one moment.

    `snapshot` and `events` are (seq, payload); `events` are those after the snapshot, in order.
    `memories` maps the id of each memory that was in a tier at the snapshot, or was restored since,
    to its payload; `pieces` does so for the snapshot's components.
    """

    head: Head
    snapshot: tuple[int, bytes] | None
    memories: dict[int, bytes]
    events: tuple[tuple[int, bytes], ...]
    pieces: dict[int, bytes] = field(default_factory=dict)
