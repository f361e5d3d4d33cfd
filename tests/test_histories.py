"""The checker of histories: what it has to find, what it must not, and a slow one that agrees."""

import math
import random
from collections.abc import Sequence

import pytest

from tests.histories import Operation, orders, violation

Word = tuple[str, int]


def step(state: int, operation: Operation[Word]) -> int | None:
    """A register with `write` and `read`, which `add` increases: its result is what it was."""
    kind, number = operation.call
    if kind == "write":
        return number
    if operation.known and operation.result != state:
        return None
    return state + number if kind == "add" else state


def linearizable(operations: Sequence[Operation[Word]]) -> bool:
    return violation(operations, 0, step) is None


def write(number: int, *times: float) -> Operation[Word]:
    return Operation("c", ("write", number), *times)


def read(found: int, invoked: float, returned: float = math.inf) -> Operation[Word]:
    return Operation("c", ("read", 0), invoked, returned, found)


def add(found: int | None, invoked: float, returned: float = math.inf) -> Operation[Word]:
    return Operation("c", ("add", 1), invoked, returned, found)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [write(1, 0, 1), read(1, 2, 3)],
        [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)],
        [write(1, 0, 5), write(2, 0, 5), read(1, 6, 7)],
        [write(1, 0, 5), write(2, 0, 5), read(2, 6, 7)],
        [add(0, 0, 5), add(1, 0, 5), read(2, 5.5, 6)],
        [write(1, 0), read(0, 1, 2), read(1, 8, 9)],
        [write(1, 0), read(0, 1, 2), read(0, 8, 9)],
        [add(None, 0), add(0, 1, 2), read(2, 3, 4)],
        [write(1, 0, 1), read(0, 1, 2)],
    ],
    ids=[
        "nothing",
        "one after the other",
        "a read on either side of a write",
        "of two writes one is last",
        "or the other",
        "two additions at once",
        "an unknown write comes late",
        "or never",
        "an unknown addition comes second",
        "at the very same time",
    ],
)
def test_what_is_linearizable(operations: list[Operation[Word]]) -> None:
    assert linearizable(operations)


@pytest.mark.parametrize(
    "operations",
    [
        [write(1, 0, 1), read(0, 2, 3)],
        [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)],
        [add(0, 0, 5), add(0, 0, 5)],
        [add(0, 0, 1), add(0, 2, 3)],
        [add(0, 0, 5), add(1, 0, 5), read(1, 6, 7)],
        [write(1, 5, 6), read(1, 0, 1)],
        [write(1, 0), read(1, 1, 2), read(0, 3, 4)],
        [write(1, 5), read(1, 0, 1)],
        [add(None, 0), read(2, 1, 2)],
        [write(1, 0, 5), write(2, 0, 5), read(1, 6, 7), read(2, 8, 9)],
    ],
    ids=[
        "a stale read",
        "new, then old",
        "a lost addition",
        "a lost addition, one after the other",
        "an acknowledged addition is gone",
        "read before it is written",
        "an unknown write is undone",
        "an unknown write before it is sent",
        "an unknown addition counts twice",
        "two orders of the same writes",
    ],
)
def test_what_is_not(operations: list[Operation[Word]]) -> None:
    assert not linearizable(operations)


def test_a_violation_says_where() -> None:
    found = violation([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)], 0, step)
    assert found is not None
    assert [each.call for each in found.placed] == [("write", 1), ("write", 2)]
    assert found.stuck == read(1, 4, 5)
    assert "4.0000 to 5.0000 c: ('read', 0) gave 1" in str(found)


def test_it_agrees_with_all_orders() -> None:
    """On thousands of small histories, about half of them good."""
    chance = random.Random(29)
    verdicts = [0, 0]
    for _ in range(3000):
        operations = [drawn(chance) for _ in range(chance.randint(2, 5))]
        expected = any(fits(order) for order in orders(operations))
        assert linearizable(operations) == expected, operations
        verdicts[expected] += 1
    assert min(verdicts) > 500


def test_a_long_history_takes_no_time() -> None:
    operations = [add(2 * n + side, n, n + 0.9) for n in range(2000) for side in (0, 1)]
    assert linearizable(operations)
    assert not linearizable([*operations, read(17, 3000, 3001)])


def drawn(chance: random.Random) -> Operation[Word]:
    invoked = chance.randint(0, 6)
    times = (invoked,) if chance.random() < 0.2 else (invoked, invoked + chance.randint(1, 4))
    match chance.choice(("read", "write", "add")):
        case "read":
            return read(chance.randint(0, 2), *times)
        case "write":
            return write(chance.randint(1, 2), *times)
        case _:
            return add(chance.randint(0, 2) if len(times) == 2 else None, *times)


def fits(order: Sequence[Operation[Word]]) -> bool:
    state: int | None = 0
    for operation in order:
        if state is not None:
            state = step(state, operation)
    return state is not None
