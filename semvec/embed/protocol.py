"""What the server asks of an embedder."""

from collections.abc import Sequence
from typing import Protocol

from semvec.errors import SemvecError
from semvec.vectors import Encoding


class TextRefused(SemvecError):
    """The embedder works, and cannot encode the text at `place` of those that it was given.

    `detail` says why and what to do, in words for the client; it quotes nothing.
    """

    status = 422

    def __init__(self, place: int, detail: str) -> None:
        super().__init__(detail)
        self.place = place


class Embedder(Protocol):
    """Turns texts into vectors; safe to call from many requests at once.

    A cancelled call gives up its own texts and no others.
    """

    @property
    def model_name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def token_dimension(self) -> int:
        """Numbers of a token vector; 0 where there are none."""

    async def start(self) -> None:
        """Load and check the model; raises OSError or ValueError that name the cause."""

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order.

        Raises Unavailable when the embedder fails, and two errors that say nothing against it:
        TextRefused when one of the texts cannot be encoded, Overloaded when too much waits.
        """

    async def close(self) -> None: ...
