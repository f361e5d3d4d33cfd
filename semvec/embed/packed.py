"""Windows one after the other, as a device takes them: nothing is padded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.tokens import kept_of
from semvec.vectors import Vector

TILE = 16
"""Tokens of a window that a warp takes past its keys at once."""
MOST_POOLED = 80
"""Tokens of a window that a block has room for, to pool them."""

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class PackedTexts:
    """n windows of t tokens together.

    `ids`, shape (t,), and `lengths`, shape (n,), are the tokens' and the windows'. Vectors are
    wanted of the tokens `chosen`, shape (c,), counted among all.

    Window i is pooled from those of the chosen tokens that `heard` lists, with `weights` above 0,
    from `firsts[i]` up to `firsts[i + 1]`, to the codes from `rooms[i]` up to `rooms[i + 1]`: to
    none where it has more than a block has room for.
    """

    ids: Ints
    lengths: Ints
    chosen: Ints
    heard: Ints
    weights: Vector
    firsts: Ints
    rooms: Ints

    @classmethod
    def of(
        cls,
        ids: Sequence[npt.NDArray[Any]],
        own: Sequence[slice],
        weights: Sequence[Vector],
    ) -> "PackedTexts":
        """One or more windows, with the places in each whose vectors are wanted, and what each of
        these counts where they are pooled."""
        lengths = np.array([len(each) for each in ids], np.int32)
        starts = begins(lengths)[:-1].tolist()
        chosen = [
            np.arange(start + each.start, start + each.stop, each.step, dtype=np.int32)
            for start, each in zip(starts, own, strict=True)
        ]
        told = np.concatenate(weights, dtype=np.float32)
        heard = np.flatnonzero(told > 0.0).astype(np.int32)
        numbers = np.array([np.count_nonzero(each > 0.0) for each in weights], np.int32)
        kept = np.minimum(numbers, [kept_of(len(each)) for each in weights])
        kept[numbers > MOST_POOLED] = 0
        return cls(
            np.concatenate(ids, dtype=np.int32, casting="unsafe"),
            lengths,
            np.concatenate(chosen),
            heard,
            told[heard],
            begins(numbers),
            begins(kept),
        )

    @property
    def most_pooled(self) -> int:
        """Tokens of the largest window that is pooled."""
        numbers = np.diff(self.firsts)[np.diff(self.rooms) > 0]
        return int(numbers.max(initial=0))

    def starts(self) -> Ints:
        """The first token of each window, shape (n,)."""
        return begins(self.lengths)[:-1]

    def places(self) -> Ints:
        """Where in its window each token stands, shape (t,)."""
        here = np.arange(len(self.ids), dtype=np.int32)
        return here - np.repeat(self.starts(), self.lengths)

    def tiles(self) -> Ints:
        """`Tile` in heads.cu, shape (tiles, 3)."""
        numbers = -(-self.lengths // TILE)
        window = np.repeat(np.arange(len(self.lengths)), numbers)
        place = np.arange(len(window)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
        whole = self.starts()[window], self.lengths[window]
        return np.stack([*whole, TILE * place], axis=1).astype(np.int32)


def begins(lengths: npt.NDArray[Any]) -> Ints:
    """Where each of n pieces begins, and the end, shape (n + 1,)."""
    return np.append(0, np.cumsum(lengths)).astype(np.int32)
