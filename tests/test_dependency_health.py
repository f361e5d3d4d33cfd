"""What failed is tried again until it works."""

import asyncio

import pytest

from semvec.dependency_health import DependencyHealth
from semvec.errors import Invalid, Unavailable


class Storage:
    """Fails as often as told, and sees to its own condition."""

    def __init__(self, failures: int) -> None:
        self.failures, self.uses = failures, 0
        self.condition = DependencyHealth("storage", self.use)

    async def use(self) -> None:
        with self.condition.observed():
            self.uses += 1
            if self.uses <= self.failures:
                raise Unavailable("storage is away", reason="a private reason")

    async def works(self) -> None:
        async with asyncio.timeout(20):
            while self.condition.fault:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_failure_is_told_until_an_attempt_succeeds() -> None:
    storage = Storage(3)
    storage.condition.start()
    assert storage.condition.fault == ""
    with pytest.raises(Unavailable):
        await storage.use()
    assert storage.condition.fault == "storage is away"
    await storage.works()
    assert storage.uses == 4
    await asyncio.sleep(0.2)
    assert storage.uses == 4  # nothing is tried while all is well
    await storage.condition.close()


async def test_the_next_use_counts_as_well() -> None:
    storage = Storage(1)
    with pytest.raises(Unavailable):
        await storage.use()
    await storage.use()
    assert storage.condition.fault == ""
    await storage.condition.close()


async def test_what_a_caller_did_wrong_is_no_failure() -> None:
    condition = DependencyHealth("storage", asyncio.Event().wait)
    for error in (Invalid.field("text", "too long"), asyncio.CancelledError()):
        with pytest.raises(type(error)), condition.observed():
            raise error
    assert condition.fault == ""
    with pytest.raises(ZeroDivisionError), condition.observed():
        raise ZeroDivisionError("private")
    assert condition.fault == "internal error"


async def test_an_attempt_that_hangs_does_not_hold_up_whoever_asks() -> None:
    condition = DependencyHealth("storage", asyncio.Event().wait)
    await condition.try_once(0.01)
    assert condition.fault == ""
