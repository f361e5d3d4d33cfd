"""The one door to the vectors of hot sessions: here at once, or with others in one launch.

On the CPU a comparison runs where it is asked for, as long as it takes less than what is won by
doing it elsewhere; the larger ones take turns on a thread. With a device all but the smallest go
there together.
"""

from collections.abc import Sequence

from semvec.hot.copy import Hot
from semvec.kernels.batcher import Batcher, Observer
from semvec.kernels.launches import Compare, Launches
from semvec.kernels.opening import Opened
from semvec.session.events import MemoryRecord
from semvec.session.match import Question
from semvec.session.memory import Memories
from semvec.session.query import Query
from semvec.session.search import Found, Search
from semvec.vectors import Vector

LARGE = 4_000_000
"""Numbers whose comparison takes a millisecond or more: on a thread, so that the loop goes on."""
WORTH_A_LAUNCH = 100_000
"""Numbers whose comparison takes the CPU about as long as to ask a device."""
TRIES = 3
"""Times that a session may change while it is searched; then it is searched here, at once."""


class Scans:
    def __init__(self, observer: Observer | None = None) -> None:
        self._batcher = Batcher(observer)
        self._device: Launches | None = None

    def use(self, opened: Opened | None) -> None:
        """Compare on this device, or on the CPU."""
        self._device = None if opened is None else Launches(opened.kernels)

    async def close(self) -> None:
        await self._batcher.close()

    async def cosines(self, memories: Memories, queries: Vector) -> Vector:
        """`Memories.cosines`, exact if nobody changes the session meanwhile. Raises Unavailable."""
        numbers = len(queries) * memories.numbers
        compare = Compare(queries, memories.leases, memories.count)
        if self._device is not None and numbers > WORTH_A_LAUNCH:
            return await self._batcher.answer(self._device.cosines, compare)
        if numbers <= LARGE:
            return compare.cosines()
        return await self._batcher.answer(in_turn, compare)

    async def search(
        self,
        hot: Hot,
        query: Query,
        now: float,
        archived: Sequence[MemoryRecord],
        k: int,
        cosines: Vector | None = None,
    ) -> tuple[Search, list[Found]]:
        """A search in the session as it is by the end, and its best k. `cosines`, shape (count,),
        are the query's to the rows as they are, if they are known. Raises Unavailable."""
        for _ in range(TRIES):
            if cosines is None:
                cosines = await self._current(hot, query.vector)
            search, seq = Search(hot.session, query, cosines, now, archived), hot.session.seq
            found = await self._best(search, k)
            if hot.session.seq == seq:
                return search, found
            cosines = None
        cosines = hot.session.memories.cosines(query.vector[None]).reshape(-1)
        search = Search(hot.session, query, cosines, now, archived)
        return search, search.best(k)

    async def _current(self, hot: Hot, x: Vector) -> Vector:
        """Those of a unit vector, shape (d,), to the rows as they are by the end."""
        for _ in range(TRIES):
            seq = hot.session.seq
            found = await self.cosines(hot.session.memories, x[None])
            if hot.session.seq == seq:
                return found.reshape(-1)
        return hot.session.memories.cosines(x[None]).reshape(-1)

    async def _best(self, search: Search, k: int) -> list[Found]:
        """On a device the token vectors of all memories are compared, not those of a short list."""
        numbers = search.session.memories.tokens.lease.numbers
        if self._device is None or search.units.vectors is None or numbers <= WORTH_A_LAUNCH:
            return search.best(k)
        question = Question(search, k)
        return question.found(await self._batcher.answer(self._device.matches, question.asked))


def in_turn(asked: Sequence[Compare]) -> list[Vector]:
    return [each.cosines() for each in asked]
