"""Group commit over a commit function that can be held still."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from semvec.errors import Unavailable
from semvec.store.writer import MAX_QUEUED_WRITES, MAX_WRITES_PER_COMMIT, Writer


class Commits:
    """Doubles numbers, batch by batch, whenever the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.batches: list[list[int]] = []
        self.failing: Exception | None = None

    async def __call__(self, operations: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(operations))
        await self.gate.wait()
        if self.failing:
            raise self.failing
        return [2 * each for each in operations]


@pytest.fixture
async def commits() -> Commits:
    return Commits()


@pytest.fixture
async def writer(commits: Commits) -> AsyncIterator[Writer[int, int]]:
    writer = Writer[int, int](commits)
    writer.start()
    yield writer
    commits.gate.set()
    await writer.close()


async def submit(writer: Writer[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(writer.submit(number)) for number in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_what_arrives_during_a_commit_shares_the_next(
    writer: Writer[int, int], commits: Commits
) -> None:
    tasks = await submit(writer, 0)
    tasks += await submit(writer, *range(1, MAX_WRITES_PER_COMMIT + 3))
    commits.gate.set()
    assert await asyncio.gather(*tasks) == [2 * n for n in range(MAX_WRITES_PER_COMMIT + 3)]
    assert [len(batch) for batch in commits.batches] == [1, MAX_WRITES_PER_COMMIT, 2]


async def test_a_failed_batch_fails_all_of_it_and_nothing_else(
    writer: Writer[int, int], commits: Commits, caplog: pytest.LogCaptureFixture
) -> None:
    commits.failing = Unavailable("storage cannot commit: No space left on device", 3)
    commits.gate.set()
    tasks = await submit(writer, 1, 2)
    for task in tasks:
        with pytest.raises(Unavailable, match="storage cannot commit: No space left") as raised:
            await task
        assert raised.value.retry_after >= 1
    assert "No space left on device" in caplog.text
    commits.failing = None
    assert await writer.submit(3) == 6


async def test_an_error_of_its_own_tells_callers_nothing_but_its_kind(
    writer: Writer[int, int], commits: Commits, caplog: pytest.LogCaptureFixture
) -> None:
    commits.failing = ZeroDivisionError("secret")
    commits.gate.set()
    with pytest.raises(Unavailable, match=r"storage cannot commit: ZeroDivisionError$"):
        await writer.submit(1)
    assert "secret" in caplog.text
    commits.failing = None
    assert await writer.submit(3) == 6


async def test_a_cancelled_caller_leaves_its_batch_alone(
    writer: Writer[int, int], commits: Commits
) -> None:
    running, cancelled = await submit(writer, 1, 2)
    (waiting,) = await submit(writer, 3)
    (dropped,) = await submit(writer, 4)
    cancelled.cancel()
    dropped.cancel()
    await asyncio.sleep(0)
    commits.gate.set()
    assert (await running, await waiting) == (2, 6)
    assert cancelled.cancelled()
    assert commits.batches == [[1, 2], [3]]


async def test_large_operations_are_batches_of_their_own_between_others(
    writer: Writer[int, int], commits: Commits
) -> None:
    (first,) = await submit(writer, 1)
    large = [asyncio.create_task(writer.submit(number, large=True)) for number in (10, 20, 30)]
    small = await submit(writer, 2, 3)
    commits.gate.set()
    assert await asyncio.gather(first, *large, *small) == [2, 20, 40, 60, 4, 6]
    assert commits.batches == [[1], [10], [2, 3], [20], [30]]


async def test_the_queue_is_bounded(writer: Writer[int, int], commits: Commits) -> None:
    tasks = await submit(writer, 0)
    tasks += await submit(writer, *range(MAX_QUEUED_WRITES))
    with pytest.raises(Unavailable, match="writes are waiting"):
        await writer.submit(1)
    commits.gate.set()
    await asyncio.gather(*tasks)
    assert await writer.submit(1) == 2


async def test_a_commit_that_hangs_is_given_up(
    writer: Writer[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.store.writer.WRITE_TIMEOUT_S", 0.05)
    with pytest.raises(Unavailable, match="no answer"):
        await writer.submit(1)


async def test_lag_is_the_age_of_the_oldest_write(
    writer: Writer[int, int], commits: Commits
) -> None:
    assert writer.lag == 0.0
    tasks = await submit(writer, 1)
    tasks += await submit(writer, 2)
    assert 0.02 <= writer.lag < 5.0
    commits.gate.set()
    await asyncio.gather(*tasks)
    await asyncio.sleep(0)
    assert writer.lag == 0.0


async def test_closing_commits_what_is_queued(writer: Writer[int, int], commits: Commits) -> None:
    tasks = await submit(writer, *range(3))
    tasks += await submit(writer, *range(MAX_WRITES_PER_COMMIT + 1))
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="closed"):
        await writer.submit(1)
    commits.gate.set()
    await closing
    assert all(task.done() and not task.exception() for task in tasks)


async def test_closing_does_not_wait_for_ever(
    writer: Writer[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.store.writer.DRAIN_S", 0.05)
    running, queued = (*await submit(writer, 1), *await submit(writer, 2))
    await writer.close()
    for task in (running, queued):
        with pytest.raises(Unavailable, match="closing"):
            await task
