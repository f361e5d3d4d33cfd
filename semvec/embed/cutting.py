"""Texts cut into pieces by length, where no tokenizer of the model is at hand."""

from collections.abc import Iterator, Sequence

import numpy as np

from semvec.vectors import Vector


def size_of(text: str) -> int:
    """UTF-8 bytes: nearer to a number of tokens than characters are, whatever the script."""
    return len(text.encode("utf-8", "surrogatepass"))


def pieces(text: str, size: int) -> Iterator[str]:
    """The text in order, in pieces of about `size` bytes, cut at white space where there is any."""
    return slices(text, max(1, size * len(text) // max(1, size_of(text))))


def slices(text: str, length: int) -> Iterator[str]:
    """The same in pieces of at most `length` characters."""
    start = 0
    while len(text) - start > length:
        end = _gap(text, start + length // 2, start + length)
        yield text[start:end]
        start = end
    yield text[start:]


def mean_vector(vectors: Sequence[Vector], weights: Sequence[float]) -> Vector:
    """The weighted mean direction, unit length; the first vector where they cancel out."""
    total = np.average(np.asarray(vectors, np.float64), axis=0, weights=weights)
    norm = float(np.linalg.norm(total))
    return vectors[0] if norm < 1e-6 else (total / norm).astype(np.float32)


def _gap(text: str, first: int, last: int) -> int:
    """The place after the last white space between two places, else the last of them."""
    for place in range(last, first, -1):
        if text[place - 1].isspace():
            return place
    return max(last, first + 1)
