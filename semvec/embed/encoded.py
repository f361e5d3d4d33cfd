"""What a forward pass gives of a window, and what becomes of a text's windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from semvec.embed.windows import Window, Windows
from semvec.tokens import as_tokens, projected
from semvec.vectors import Encoding, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One window as vectors: pooled (d,), and one for each of the n tokens that it answers for.

    `tokens` have shape (n, d), or (n, p) where they are projected already. `kept` are the codes
    that a memory keeps of them, where they have been pooled.
    """

    vector: Vector
    tokens: Vector
    window: Window
    is_projected: bool = False
    kept: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How much an encoder takes at once.

    `batch_tokens` are those of one pass, padded to the longest window if `is_padded`. A thread
    takes `turn_characters` from what waits, of which there may be `pending_characters`.
    """

    batch_tokens: int
    is_padded: bool
    turn_characters: int
    pending_characters: int


class Encoder(Protocol):
    """Token windows in, vectors out; safe to run from several threads at once."""

    @property
    def dimension(self) -> int: ...

    @property
    def windows(self) -> Windows: ...

    @property
    def pace(self) -> Pace: ...

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """One forward pass."""

    def close(self) -> None: ...


def join(parts: Sequence[Encoded]) -> Encoding:
    """The encoding of the text whose windows these are, in order."""
    words = [word for part in parts for word in part.window.words]
    tokens = [part.tokens if part.is_projected else projected(part.tokens) for part in parts]
    if len(parts) == 1:
        return Encoding(parts[0].vector, as_tokens(tokens[0], words, parts[0].kept))
    total = np.sum([part.vector for part in parts], axis=0)
    vector = total / np.linalg.norm(total)
    return Encoding(vector, as_tokens(np.concatenate(tokens), words))
