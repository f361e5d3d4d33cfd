"""The vectors in an endpoint's answer, whichever of the known forms it has."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from semvec.vectors import Vector

ReplyRow = npt.NDArray[np.float64]


def unit_rows(reply: bytes, count: int, dimension: int | None) -> list[Vector]:
    """A unit vector for each of `count` texts, in their order.

    `dimension` is the length that they must have, None for any one. ValueError says what is wrong.

    Known forms: OpenAI's `{"data": [{"index", "embedding"}]}`, the bare list of text-embeddings-
    inference, llama.cpp's list of such items, Ollama's `{"embeddings": [[…]]}` and Cohere's
    `{"embeddings": {"float": [[…]]}}`. A vector is a list of numbers or float32 in base64.
    """
    try:
        content = msgspec.json.decode(reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    items = _items(content)
    if len(items) != count:
        raise ValueError(f"{len(items)} embeddings of {count} texts")
    return _units([_row(item) for item in _in_order(items)], dimension)


def _items(content: Any) -> list[Any]:
    if isinstance(content, dict):
        found = content.get("data", content.get("embeddings"))
        if isinstance(found, dict):
            found = found.get("float")
    else:
        found = content
    if isinstance(content, dict) and found is None and "embedding" in content:
        raise ValueError(
            "it is of one text alone, as Ollama's /api/embeddings answers: name its /api/embed or "
            "/v1/embeddings"
        )
    if not isinstance(found, list):
        names = ", ".join(map(str, content))[:80] if isinstance(content, dict) else "no object"
        raise ValueError(f"it has no embeddings in a known form ({names})")
    return found


def _in_order(items: Sequence[Any]) -> Sequence[Any]:
    """By their `index`; as they come where none has one.

    Some endpoints leave a 0 out, as protobuf does: a single item without an index is the first.
    """
    indexes = [each.get("index") if isinstance(each, dict) else None for each in items]
    if all(index is None for index in indexes):
        return items
    if indexes.count(None) == 1:
        indexes[indexes.index(None)] = 0
    numbers = {index: place for place, index in enumerate(indexes) if type(index) is int}
    if sorted(numbers) != list(range(len(items))):
        raise ValueError("its embeddings are not numbered one by one")
    return [items[numbers[index]] for index in range(len(items))]


def _row(item: Any) -> ReplyRow:
    values = item.get("embedding") if isinstance(item, dict) else item
    if isinstance(values, str):
        return _from_base64(values)
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]  # llama.cpp: one vector a text, in a list of its own
    if not isinstance(values, list):
        raise ValueError("an embedding is no list of numbers")
    return _numbers(values)


def _numbers(values: list[Any]) -> ReplyRow:
    try:
        row = np.array(values)
    except ValueError as error:  # lists of several lengths
        raise ValueError("an embedding is no list of numbers") from error
    if row.ndim != 1 or (row.size and row.dtype.kind not in "fiu"):
        raise ValueError("an embedding is no list of numbers")
    return row.astype(np.float64)


def _from_base64(text: str) -> ReplyRow:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"an embedding is no base64: {error}") from error
    if not data or len(data) % 4:
        raise ValueError("an embedding in base64 is not of 32-bit numbers")
    return np.frombuffer(data, "<f4").astype(np.float64)


def _units(rows: Sequence[ReplyRow], dimension: int | None) -> list[Vector]:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("not vectors of one length")
    if dimension is not None and lengths != {dimension}:
        raise ValueError(f"{lengths.pop()} dimensions where there were {dimension}")
    matrix = np.array(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise ValueError("a vector that is zero or not finite")
    return list((matrix / norms).astype(np.float32))
