"""What goes into storage and what comes out of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Head:
    """Where a session stands: `seq` is its last committed event; `key` is never used again."""

    key: int
    owner: str
    session_id: str
    seq: int
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int


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
    owner: str
    session_id: str
    created_at: float
    event: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Events decided on head `seq`; they become seq + 1, seq + 2, and so on.

    The memories in `returned` leave the archive before those in `archived` enter it.
    """

    key: int
    seq: int
    events: tuple[bytes, ...]
    used_at: float
    interaction_count: int
    total_memories: int
    archived: tuple[ArchivedRow, ...] = ()
    returned: tuple[int, ...] = ()

    @property
    def last_seq(self) -> int:
        return self.seq + len(self.events)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as of `seq`; `memories` are its hot ones that have no row yet, `pieces` those
    without one. The pieces in `dropped` are there no more."""

    key: int
    seq: int
    payload: bytes
    memories: tuple[MemoryRow, ...]
    pieces: tuple[PieceRow, ...] = ()
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    key: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of an import."""

    at: float


@dataclass(frozen=True, slots=True)
class Rows:
    """Some of the rows of an import."""

    hot: tuple[MemoryRow, ...] = ()
    archived: tuple[ArchivedRow, ...] = ()
    pieces: tuple[PieceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What an import has come to by `at`; nobody sees it before the Replace."""

    content: int
    at: float
    rows: Rows


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


@dataclass(frozen=True, slots=True)
class Discard:
    """The end of imports that come to nothing."""

    contents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Erase:
    """Some of what is left of a content that belongs to no session any more."""

    content: int


Import = Begin | Stage | Discard | Erase
Operation = Create | Append | Snapshot | Replace | Delete | Import
Outcome = Head | int | bool | None
"""Of a Create the new head, or None where it exists; of a Begin the number that what is staged lies
under; of the others whether it took effect."""


@dataclass(frozen=True, slots=True)
class Stored:
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
