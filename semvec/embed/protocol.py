"""What the server asks of an embedder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from semvec.vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """One text as vectors.

    `vector` is the pooled embedding, shape (d,), unit length. `tokens` are the token vectors of
    the same forward pass, shape (n, d), unit length each, special tokens left out, and `token_ids`
    their vocabulary ids, shape (n,); both are None where the embedder pools alone.
    """

    vector: Vector
    tokens: Vector | None = None
    token_ids: npt.NDArray[np.int32] | None = None


class Embedder(Protocol):
    """Turns texts into vectors; safe to call from many requests at once."""

    @property
    def model_name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    async def start(self) -> None:
        """Load and check the model; raises OSError or ValueError that name the cause."""

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order; raises Unavailable when the embedder cannot answer."""

    async def close(self) -> None: ...
