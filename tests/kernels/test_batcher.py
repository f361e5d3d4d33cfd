"""One thread, one launch for all who ask at the same time."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from semvec.errors import Unavailable
from semvec.kernels.batcher import Batcher


class Noted:
    """`Batches` that remembers."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waited: list[float] = []
        self.took: list[float] = []
        self.failures = 0

    def done(self, size: int, waited: float, took: float) -> None:
        self.sizes.append(size)
        self.waited.append(waited)
        self.took.append(took)

    def failed(self) -> None:
        self.failures += 1


class Gate:
    """A launch that waits until it may go on, then answers with squares; 13 is beyond it."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()

    def launch(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        self.threads.add(threading.get_ident())
        self.entered.set()
        assert self.opened.wait(10)
        if 13 in asked:
            raise ValueError("13 is beyond this")
        return [number * number for number in asked]

    async def taken(self) -> None:
        """Wait until the first batch is on the thread."""
        await asyncio.to_thread(self.entered.wait, 10)


def squares(asked: Sequence[int]) -> list[int]:
    return [number * number for number in asked]


def cubes(asked: Sequence[int]) -> list[int]:
    return [number**3 for number in asked]


def broken(asked: Sequence[int]) -> list[int]:
    raise Unavailable("the GPU fails: for a test")


async def held(batcher: Batcher, gate: Gate) -> asyncio.Task[int]:
    """A question whose launch is in flight."""
    first = asyncio.create_task(batcher.answer(gate.launch, 1))
    await asyncio.sleep(0)
    await gate.taken()
    return first


def test_a_lone_question_is_launched_at_once_and_those_that_gather_go_together() -> None:
    async def main() -> None:
        noted, gate = Noted(), Gate()
        batcher = Batcher(noted)
        first = await held(batcher, gate)
        others = [asyncio.create_task(batcher.answer(gate.launch, n)) for n in range(2, 7)]
        await asyncio.sleep(0.02)
        assert gate.batches == [[1]]
        gate.opened.set()
        assert await first == 1
        assert await asyncio.gather(*others) == [4, 9, 16, 25, 36]
        assert gate.batches == [[1], [2, 3, 4, 5, 6]]
        assert noted.sizes == [1, 5]
        assert noted.waited[0] < 0.02 <= noted.waited[1]
        assert noted.took[0] >= 0.02 > noted.took[1]
        assert noted.failures == 0
        assert len(gate.threads) == 1
        assert threading.get_ident() not in gate.threads
        await batcher.close()

    asyncio.run(main())


def test_questions_of_two_kinds_in_one_batch_are_launched_apart() -> None:
    async def main() -> None:
        gate, batcher = Gate(), Batcher()
        first = await held(batcher, gate)
        ask = batcher.answer
        asked = asyncio.gather(ask(squares, 3), ask(cubes, 3), ask(squares, 4), ask(cubes, 4))
        await asyncio.sleep(0)
        gate.opened.set()
        assert await first == 1
        assert list(await asked) == [9, 27, 16, 64]
        await batcher.close()

    asyncio.run(main())


def test_an_error_reaches_those_of_its_launch_and_nobody_else() -> None:
    async def main() -> None:
        gate, noted = Gate(), Noted()
        batcher = Batcher(noted)
        first = await held(batcher, gate)
        ask = batcher.answer
        asked = asyncio.gather(
            *(ask(gate.launch, 2), ask(gate.launch, 13), ask(squares, 5), ask(broken, 1)),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
        gate.opened.set()
        assert await first == 1
        mine, beyond, fine, fault = await asked
        assert str(mine) == str(beyond) == "13 is beyond this"
        assert fine == 25
        assert isinstance(fault, Unavailable)
        assert noted.failures == 1
        assert await batcher.answer(gate.launch, 6) == 36
        await batcher.close()

    asyncio.run(main())


def test_an_answer_too_few_is_an_error_and_not_a_wait_for_ever() -> None:
    async def main() -> None:
        batcher = Batcher()
        with pytest.raises(ValueError, match="shorter"):
            await batcher.answer(lambda asked: asked[1:], 1)
        assert await batcher.answer(squares, 2) == 4
        await batcher.close()

    asyncio.run(main())


def test_who_has_gone_is_not_asked_for_and_makes_room() -> None:
    async def main() -> None:
        gate, batcher = Gate(), Batcher(room=2)
        first = await held(batcher, gate)
        gone, stays = (asyncio.create_task(batcher.answer(gate.launch, n)) for n in (2, 3))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="2 recalls wait already") as refused:
            await batcher.answer(gate.launch, 4)
        assert refused.value.retry_after >= 1
        gone.cancel()
        await asyncio.sleep(0)
        last = asyncio.create_task(batcher.answer(gate.launch, 5))
        await asyncio.sleep(0)
        gate.opened.set()
        assert list(await asyncio.gather(first, stays, last)) == [1, 9, 25]
        assert gate.batches == [[1], [3, 5]]
        await batcher.close()

    asyncio.run(main())


def test_who_goes_while_the_launch_is_in_flight_harms_nobody() -> None:
    async def main() -> None:
        gate, batcher = Gate(), Batcher()
        first = await held(batcher, gate)
        first.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        assert await batcher.answer(gate.launch, 7) == 49
        await batcher.close()

    asyncio.run(main())


def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    async def main() -> None:
        gate, batcher = Gate(), Batcher()
        first = await held(batcher, gate)
        second = asyncio.create_task(batcher.answer(gate.launch, 2))
        await asyncio.sleep(0)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        with pytest.raises(Unavailable, match="stopping"):
            await batcher.answer(gate.launch, 3)
        gate.opened.set()
        await closing
        assert [await first, await second] == [1, 4]
        assert "kernels" not in {thread.name for thread in threading.enumerate()}

    asyncio.run(main())


def test_a_batcher_that_nobody_asked_closes_at_once() -> None:
    asyncio.run(Batcher().close())
