"""What goes into storage and what comes out of it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import Connection

from semvec.store.line import line_after
from semvec.store.probe import Probe


class SessionKind(IntEnum):
    """What a session is for; one that is not plain comes and goes with what it stands behind."""

    PLAIN = 0
    BACKING = 1
    META = 2


@dataclass(frozen=True, slots=True)
class Head:
    """Where a session stands: `seq` is its last committed event; `key` is never used again.

    `line` tells which events have led there. It and `dimension` are None where an earlier release
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
    """What a head tells of a session, without what the session holds; nothing of its state where an
    earlier release wrote its last event."""

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
    """The content of one memory, which never changes; `fold` is the digest of its folded text."""

    id: int
    hash: str
    fold: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class ArchivedRow:
    """A memory that leaves the hot tiers, and the distinct terms it is found by."""

    row: MemoryRow
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PieceRow:
    """A part of a session that never changes while it is there."""

    id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Create:
    """`mean` is the state that the session begins with, float32, little-endian."""

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
    """Events decided on head `seq` with its `line`; they become seq + 1, seq + 2, and so on.

    The memories in `returned` leave the archive before those in `archived` enter it. `mean`
    is the state after the events, as in Create, and both phases are those after them.
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
    """A session as of `seq` on its `line`; `memories` are its hot ones that have no row yet,
    `pieces` those without one. The pieces in `dropped` are there no more. The rows of all others
    were written with the snapshot as of `base`, or one before it; 0 for none."""

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
    """The start of an import, whose rows lie under minus `number` until a session takes them."""

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
    """What an import has come to by `at`; nobody sees it before the Replace."""

    content: int
    at: float
    rows: StagedRows


@dataclass(frozen=True, slots=True)
class Replace:
    """What was staged, and a snapshot to go with it, in place of all that a session holds.

    This counts as one event: the snapshot is of the seq after the head's.
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
        """The line that an import leads to, from that of the head before it."""
        which = f"{self.content} {self.used_at!r}".encode()
        return line_after(line, (self.snapshot, which))


@dataclass(frozen=True, slots=True)
class DiscardImports:
    """The end of imports that come to nothing."""

    contents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EraseContent:
    """Some of what is left of a content that belongs to no session any more."""

    content: int


@dataclass(frozen=True, slots=True)
class NoOp:
    """No write at all: what goes on record is all there is."""


@dataclass(frozen=True, slots=True)
class ExpireAudit:
    """The end of some of the audit log's oldest rows, of before a time."""

    before: float
    most: int


@dataclass(frozen=True, slots=True)
class ExpireAnswers:
    """The end of some of the answers that are of before a time."""

    before: float
    most: int


@dataclass(frozen=True, slots=True)
class TrimAnswers:
    """The end of some of a subject's oldest answers, where it has more than `bound`."""

    subject: str
    bound: int
    most: int


class GuardedChange(ABC):
    """Rows of other tables that change under the locks of sessions' heads.

    The sessions in `heads` have to be there. Once they are locked, and nothing of the operation is
    written yet, `decide` reads whether the change still stands; `carry_out` writes it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def heads(self) -> Collection[int]:
        """Keys of sessions."""

    @abstractmethod
    def decide(self, connection: Connection) -> bool: ...

    @abstractmethod
    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        """`made` are the heads of the sessions that the same operation creates, in order."""


class UnconditionalChange(GuardedChange):
    """One that stands as soon as its heads do."""

    __slots__ = ()

    def decide(self, connection: Connection) -> bool:
        return True


class UniqueRow(ABC):
    """A row under a unique name, for the first that wants it.

    Names are claimed before heads are locked, in order, so that servers never lock each other out.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> tuple[str, ...]:
        """The table, then the row's key."""

    @abstractmethod
    def insert(self, connection: Connection) -> bool:
        """Insert the row; False where there is one, whoever may just be inserting it."""

    @abstractmethod
    def release(self, connection: Connection) -> None:
        """Delete the row that `claim` inserted in the same transaction."""


Operation = Create | Append | Replace | Delete | GuardedChange | UniqueRow


@dataclass(frozen=True, slots=True)
class Transaction:
    """Several writes, of which all take effect or none does.

    All are decided before any is carried out, in order: an Append sees the head that one before it
    has moved, a Change nothing of its own operation. An Append whose key is -n goes to the n-th
    session that the operation creates.
    """

    parts: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Nothing of a Together took effect, because this part of it came too late."""

    part: Operation


CreatedHeads = tuple[Head, ...]
"""The heads of the sessions that a Together has created, in order."""

ImportOperation = BeginImport | StageImport | DiscardImports | EraseContent
Upkeep = NoOp | ExpireAudit | ExpireAnswers | TrimAnswers | Probe
WriterOperation = (
    Create | Append | Snapshot | Replace | Delete | Transaction | ImportOperation | Upkeep
)
WriteOutcome = Head | int | bool | CreatedHeads | Conflicted | None
"""Of a Create the new head, or None where it exists; of a Together what it made, or what refused
it; of a Begin the number that what is staged lies under; of the others whether it took effect."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest events of a session as (seq, payload), and its head's `line`, all as of one
    moment; without any events the line is None."""

    line: bytes | None
    events: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class StoredSession:
    """All it takes to rebuild a session, read at one moment.

    `snapshot` and `events` are (seq, payload), the events those after the snapshot in order;
    `memories` maps the id of each memory that was hot at the snapshot, or came back since, to its
    payload, `pieces` those of the snapshot's pieces.
    """

    head: Head
    snapshot: tuple[int, bytes] | None
    memories: dict[int, bytes]
    events: tuple[tuple[int, bytes], ...]
    pieces: dict[int, bytes] = field(default_factory=dict)
