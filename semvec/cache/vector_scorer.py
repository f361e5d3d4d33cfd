"""Score the vectors of cached sessions, on the CPU or in batches on a device.

On the CPU, small comparisons run at once on the event loop; large ones are queued for a thread.
With a device, all but the smallest are batched into one launch.
"""

from collections.abc import Sequence

from semvec.cache.device_query import DeviceQuery
from semvec.kernels.batcher import Batcher
from semvec.kernels.factory import OpenedDevice
from semvec.kernels.launches import CosineQuery, DeviceBatch
from semvec.session.memory import Memories
from semvec.session.search import Found, Search
from semvec.telemetry.protocol import SILENT, Batches
from semvec.vectors import Vector

MIN_NUMBERS_FOR_THREAD = 4_000_000
"""Numbers whose comparison takes a millisecond or more; more than this run on a thread, so that the
event loop is not blocked."""
MIN_NUMBERS_FOR_DEVICE = 100_000
"""Numbers whose comparison takes the CPU about as long as a call to the device."""


class VectorScorer:
    def __init__(self, telemetry: Batches = SILENT) -> None:
        self._batcher = Batcher(telemetry)
        self._device: DeviceBatch | None = None

    def use_device(self, opened: OpenedDevice | None) -> None:
        """Compare on this device, or on the CPU if None."""
        self._device = None if opened is None else DeviceBatch(opened.kernels)

    async def close(self) -> None:
        await self._batcher.close()

    async def cosines(self, memories: Memories, queries: Vector) -> Vector:
        """Return `Memories.cosines`; exact if the session does not change meanwhile. Raise
        Unavailable."""
        numbers = len(queries) * memories.numbers
        if numbers <= (MIN_NUMBERS_FOR_THREAD if self._device is None else MIN_NUMBERS_FOR_DEVICE):
            return memories.cosines(queries)
        compare = CosineQuery(queries, memories.leases, memories.count)
        launch = compare_in_order if self._device is None else self._device.cosines
        return await self._batcher.answer(launch, compare)

    async def best(self, search: Search, k: int) -> list[Found]:
        """Return the `k` best results. A device compares the token vectors of all memories, not
        only those of a short list."""
        numbers = search.session.memories.tokens.lease.numbers
        if (
            self._device is None
            or search.units.vectors is None
            or numbers <= MIN_NUMBERS_FOR_DEVICE
        ):
            return search.best(k)
        question = DeviceQuery(search, k)
        return question.results(await self._batcher.answer(self._device.matches, question.asked))


def compare_in_order(asked: Sequence[CosineQuery]) -> list[Vector]:
    return [each.cosines() for each in asked]
