"""An exported session as a file: written and read in passes, never complete in memory.

Functions over a whole document are generators that yield at intervals, so that the caller can stop
them. docs/export.md describes the format.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, BinaryIO, TypeAlias, TypeVar

from semvec.canonical import canonical
from semvec.errors import FieldFault, Invalid, Malformed
from semvec.jsonstream import JsonStream
from semvec.session.edits import MOST_ENTITY_BYTES
from semvec.session.events import Entity, MemoryRecord, QuarantinedItem
from semvec.session.isolation_filter import MAX_QUARANTINED_BYTES
from semvec.session.literals import text_size
from semvec.session.snapshot import SnapshotRecord
from semvec.session.transfer import (
    EXPORT_VERSION,
    FORMAT,
    CountedComponent,
    Image,
    complete,
    control_parts,
    core_part,
    memory_part,
    read_control,
    read_core,
    read_memory,
)
from semvec.session.verify import MAX_FAULTS, invariants, memory_faults

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]

STEP = 256
"""Items that are read between two yields."""
UNKNOWN_MEMBER = "0" * 64
MOST_CONTROLS = sum(MAX_FAULTS.values())
LISTS = frozenset({"controls", "memories"})
MAX_MEMBER_NAME = 64
"""Characters of an unknown name that an error shows."""
BESIDE = frozenset({"checksum", "session_id"})
DOCUMENT_MEMBERS = frozenset({"checksum", "core", "format", "version"}) | LISTS


class DocumentWriter:
    """Writes the answer of `GET /v1/session/{id}/export`, with `state_dict` in its canonical form.

    The checksum comes first but is known last, so it is filled in at the end.
    """

    def __init__(self, file: BinaryIO, session_id: str, image: Image) -> None:
        self._file, self._digest = file, sha256()
        self._hot = deque(record for _, record in sorted(image.memories.items()))
        head = f'{{"session_id":{canonical(session_id)},"checksum":"'
        rest = f'{UNKNOWN_MEMBER}","state_dict":{{"checksum":"'
        self._gaps = len(head.encode()), len((head + rest).encode())
        file.write(f'{head}{rest}{UNKNOWN_MEMBER}",'.encode())
        self._digest.update(b"{")
        controls, core = canonical(list(control_parts(image))), canonical(core_part(image))
        self._write(f'"controls":{controls},"core":{core},"format":{canonical(FORMAT)},"memories":')
        self._mark = "["

    def add(self, archived: Iterable[MemoryRecord]) -> None:
        """Write the next archived memories, by ascending id, and the cached ones between them."""
        for record in archived:
            while self._hot and self._hot[0].id < record.id:
                self._memory(self._hot.popleft())
            self._memory(record)

    def finish(self) -> None:
        """Write the rest and the checksums, and rewind the file."""
        for record in self._hot:
            self._memory(record)
        self._write(f'{"]" if self._mark == "," else "[]"},"version":{EXPORT_VERSION}}}')
        self._file.write(b"}")
        for gap in self._gaps:
            self._file.seek(gap)
            self._file.write(self._digest.hexdigest().encode())
        self._file.seek(0)

    def _memory(self, record: MemoryRecord) -> None:
        self._write(self._mark + canonical(memory_part(record)))
        self._mark = ","

    def _write(self, text: str) -> None:
        data = text.encode()
        self._digest.update(data)
        self._file.write(data)


class DocumentReader:
    """Reads the body of `POST /v1/session/{id}/import`, in any JSON layout.

    All methods raise Malformed, or Invalid for a member that an export does not have.
    """

    def __init__(self, file: BinaryIO, largest: int) -> None:
        """`largest` limits the core, each control and each memory, in characters."""
        self._file, self._largest = file, largest
        self.beside: dict[str, Any] = {}
        """The session_id and the checksum next to state_dict, set by `check`."""

    def check(self) -> Steps[SnapshotRecord]:
        """Check format, version and checksum, and return the core."""
        with _readable():
            members = yield from self._skim()
            digest = yield from self._digest(members)
        beside = self.beside.get("checksum")
        if members["checksum"] != digest or beside not in (None, digest):
            raise Malformed(
                "the checksum does not match: the export was changed, or damaged on its way; "
                "export the session again"
            )
        return read_core(members["core"])

    def image(self, core: SnapshotRecord) -> Steps[Image]:
        """Return the session without its archive, after checking all of its parts and every
        archived memory."""
        in_tiers = {memory_id for tier in core.tiers.values() for memory_id in tier}
        hot: dict[int, MemoryRecord] = {}
        archived = 0
        for memory in self.memories():
            if memory.id in in_tiers:
                hot[memory.id] = memory
            else:
                archived += 1
                _refuse(memory_faults(memory, core))
            if (archived + len(hot)) % STEP == 0:
                yield
        if missing := sorted(in_tiers - hot.keys())[:3]:
            raise Malformed(f"state_dict.memories lacks {missing}, which core.tiers names")
        image = complete(core, hot, archived, [*self._controls()])
        for check in invariants(image):
            _refuse([check.detail] if not check.ok else [])
        return image

    def memories(self) -> Iterator[MemoryRecord]:
        """Yield the memories, which must have ascending ids."""
        last = 0
        for place, item in enumerate(self._items("memories")):
            record = read_memory(item, place)
            if record.id <= last:
                raise Malformed(f"state_dict.memories[{place}]: ids have to ascend from 1")
            yield record
            last = record.id

    def _controls(self) -> Iterator[CountedComponent]:
        last, room = 0, MAX_QUARANTINED_BYTES + MOST_ENTITY_BYTES
        for place, item in enumerate(self._items("controls")):
            control = read_control(item, place)
            match control.piece:
                case QuarantinedItem(text=text):
                    room -= len(text.encode())
                case Entity() as entity:
                    room -= text_size(entity)
            if place == MOST_CONTROLS or room < 0:
                raise Malformed("state_dict.controls: they are more than a session can have")
            if control.piece.id <= last:
                raise Malformed(f"state_dict.controls[{place}]: ids have to ascend from 1")
            yield control
            last = control.piece.id

    def _skim(self) -> Steps[dict[str, Any]]:
        """Return the members of state_dict; lists are only checked for presence."""
        members: dict[str, Any] = {}
        for name, value in self._members():
            members[name] = value if name in DOCUMENT_MEMBERS else None
            if name in LISTS:
                for place, _ in enumerate(value):
                    if place % STEP == 0:
                        yield
        _check_members(members)
        return members

    def _digest(self, members: dict[str, Any]) -> Steps[str]:
        """Return the SHA-256 in hexadecimal of the canonical form without the checksum."""
        digest = sha256()
        for place, text in enumerate(self._canonical(members)):
            digest.update(text.encode())
            if place % STEP == 0:
                yield
        return digest.hexdigest()

    def _canonical(self, members: dict[str, Any]) -> Iterator[str]:
        mark = "{"
        for name in sorted(members.keys() - {"checksum"}):
            yield f'{mark}"{name}":'
            if name in LISTS:
                yield from _listed(map(canonical, self._items(name)))
            else:
                yield canonical(members[name])
            mark = ","
        yield "}"

    def _items(self, wanted: str) -> Iterator[Any]:
        with _readable():
            for name, value in self._members():
                if name == wanted:
                    yield from value
                    return
                if name in LISTS:
                    deque(value, maxlen=0)

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Yield the members of state_dict in file order. A list comes as an iterator that must be
        exhausted."""
        self._file.seek(0)
        stream, found = JsonStream(self._file, self._largest), False
        for name in stream.members():
            if name == "state_dict":
                found = True
                for member in stream.members():
                    yield member, stream.items() if member in LISTS else stream.value()
            elif name in BESIDE:
                self.beside[name] = stream.value()
            else:
                raise Invalid(
                    FieldFault(
                        loc=["body", name[:MAX_MEMBER_NAME]],
                        msg=f"unknown field {name[:MAX_MEMBER_NAME]!r}: "
                        "an export has no such member",
                        type="extra_forbidden",
                    )
                )
        stream.end()
        if not found:
            raise Malformed("there is no state_dict: send what the export answered")


def run_through(steps: Steps[T]) -> T:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: T = end.value
            return outcome


def _listed(texts: Iterable[str]) -> Iterator[str]:
    mark = "["
    for text in texts:
        yield mark + text
        mark = ","
    yield "]" if mark == "," else "[]"


def _check_members(members: dict[str, Any]) -> None:
    """Raise Malformed for another format or version."""
    if members.get("format") != FORMAT:
        raise Malformed(f"state_dict.format is not {FORMAT!r}: send what the export answered")
    if members.get("version") != EXPORT_VERSION:
        raise Malformed(
            f"state_dict.version is {members.get('version')!r}, this release reads "
            f"{EXPORT_VERSION}: import it into a server of the release that exported it"
        )
    if members.keys() != DOCUMENT_MEMBERS:
        raise Malformed(
            f"state_dict has {', '.join(sorted(members))}; "
            f"it needs {', '.join(sorted(DOCUMENT_MEMBERS))}"
        )


def _refuse(faults: Iterable[str]) -> None:
    for fault in faults:
        raise Malformed(f"the export says what cannot be: {fault}")


@contextmanager
def _readable() -> Iterator[None]:
    """Raise errors of the JSON readers as Malformed."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the export cannot be read: {error}") from error
