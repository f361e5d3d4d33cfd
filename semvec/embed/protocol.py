"""What the server asks of an embedder."""

from collections.abc import Sequence
from typing import Protocol

from semvec.vectors import Encoding


class Embedder(Protocol):
    """Turns texts into vectors; safe to call from many requests at once."""

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
        """One encoding per text, in order; raises Unavailable when the embedder cannot answer."""

    async def close(self) -> None: ...
