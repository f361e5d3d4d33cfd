"""What the server asks of an embedder."""

from collections.abc import Sequence
from typing import Protocol

from semvec.vectors import Encoding


class TextRefused(Exception):
    """The embedder works, and cannot encode the text at `place` of those that it was given.

    `detail` says why and what to do, in words for the client; it quotes nothing.
    """

    def __init__(self, place: int, detail: str) -> None:
        super().__init__(detail)
        self.place, self.detail = place, detail


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

    @property
    def failure(self) -> str | None:
        """Why the last call failed, in words that anybody may read; None if it did not.

        A text that cannot be encoded is no failure, nor is too much work waiting.
        """

    async def start(self) -> None:
        """Load and check the model; raises OSError or ValueError that name the cause."""

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order; raises Unavailable when the embedder cannot answer,
        TextRefused when one of the texts cannot be encoded."""

    async def close(self) -> None: ...
