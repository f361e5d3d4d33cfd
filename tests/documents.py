"""Exported sessions for tests, as a server writes them and as others would forge them."""

import io
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, BinaryIO

from semvec.canonical import canonical
from semvec.document import DocumentReader, DocumentWriter, run_through
from semvec.session.events import MemoryRecord
from semvec.session.session import Session
from semvec.session.text_normalise import content_hash, normalised_digest
from semvec.session.transfer import Image, image_of
from tests.session.conversations import new_session

LARGEST = 1 << 20


def exported(session: Session, archive: Sequence[MemoryRecord] = (), name: str = "s") -> bytes:
    file = io.BytesIO()
    writer = DocumentWriter(file, name, image_of(session))
    ordered = sorted(archive, key=lambda record: record.id)
    for start in range(0, len(ordered), 3):
        writer.add(ordered[start : start + 3])
    writer.finish()
    return file.getvalue()


def read(document: bytes) -> tuple[Image, list[MemoryRecord]]:
    """What a document holds, and its archived memories. Raises Malformed."""
    reader = DocumentReader(io.BytesIO(document), LARGEST)
    image = run_through(reader.image(run_through(reader.check())))
    return image, [each for each in reader.memories() if each.id not in image.memories]


def sealed(document: dict[str, Any]) -> bytes:
    """The document with the checksums that its contents call for."""
    rest = {name: value for name, value in document["state_dict"].items() if name != "checksum"}
    digest = sha256(canonical(rest).encode()).hexdigest()
    state_dict = {**document["state_dict"], "checksum": digest}
    return json.dumps(document | {"state_dict": state_dict, "checksum": digest}).encode()


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a JSON value there is neither a list nor an object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inner:
        if isinstance(held, dict | list):
            yield from leaves(held, (*path, key))
        else:
            yield (*path, key)


def holder(value: Any, path: tuple[str | int, ...]) -> Any:
    """The list or object that holds what is at the path's end."""
    for key in path[:-1]:
        value = value[key]
    return value


def write_large(file: BinaryIO, number: int, characters: int) -> None:
    """An export of a session with so many archived memories of so many characters each."""
    session = new_session(dimension=8)
    session.next_id, session.archived = number + 1, number
    writer = DocumentWriter(file, "large", image_of(session))
    for place in range(1, number + 1):
        text = f"memory {place} ".ljust(characters, ".")
        writer.add(
            [
                MemoryRecord(
                    id=place,
                    hash=content_hash(text),
                    fold=normalised_digest(text),
                    question=None,
                    response=text,
                    vector=bytes([127, *[0] * 7]),
                    question_vector=None,
                    created=float(place),
                    last_access=float(place),
                    access_count=0,
                    importance=0.5,
                    nearest=0.0,
                )
            ]
        )
    writer.finish()
