"""The one door to the vectors of hot sessions: here at once, or with others in one launch.

On the CPU a comparison runs where it is asked for, as long as it takes less than what is won by
doing it elsewhere; the larger ones take turns on a thread. With a device all but the smallest go
there together.
"""

from collections.abc import Sequence

from semvec.kernels.batcher import Batcher
from semvec.kernels.launches import Compare, Launches
from semvec.kernels.opening import Opened
from semvec.session.match import Question
from semvec.session.memory import Memories
from semvec.session.search import Found, Search
from semvec.telemetry.protocol import SILENT, Batches
from semvec.vectors import Vector

LARGE = 4_000_000
"""Numbers whose comparison takes a millisecond or more: on a thread, so that the loop goes on."""
WORTH_A_LAUNCH = 100_000
"""Numbers whose comparison takes the CPU about as long as to ask a device."""


class Scans:
    def __init__(self, telemetry: Batches = SILENT) -> None:
        self._batcher = Batcher(telemetry)
        self._device: Launches | None = None

    def use(self, opened: Opened | None) -> None:
        """Compare on this device, or on the CPU."""
        self._device = None if opened is None else Launches(opened.kernels)

    async def close(self) -> None:
        await self._batcher.close()

    async def cosines(self, memories: Memories, queries: Vector) -> Vector:
        """`Memories.cosines`, exact if nobody changes the session meanwhile. Raises Unavailable."""
        numbers = len(queries) * memories.numbers
        if numbers <= (LARGE if self._device is None else WORTH_A_LAUNCH):
            return memories.cosines(queries)
        compare = Compare(queries, memories.leases, memories.count)
        launch = in_turn if self._device is None else self._device.cosines
        return await self._batcher.answer(launch, compare)

    async def best(self, search: Search, k: int) -> list[Found]:
        """On a device the token vectors of all memories are compared, not those of a short list."""
        numbers = search.session.memories.tokens.lease.numbers
        if self._device is None or search.units.vectors is None or numbers <= WORTH_A_LAUNCH:
            return search.best(k)
        question = Question(search, k)
        return question.found(await self._batcher.answer(self._device.matches, question.asked))


def in_turn(asked: Sequence[Compare]) -> list[Vector]:
    return [each.cosines() for each in asked]
