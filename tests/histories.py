"""Histories of concurrent operations, and whether they are linearizable.

A history is linearizable if each operation can be given one moment between its invocation and its
return so that all of them, in the order of these moments, are what a sequential object does. An
operation without an outcome may take effect at any moment after its invocation, or never.

The search is that of Wing and Gong with the memory of Lowe: a set of operations that leads to a
state is tried once. https://www.cs.ox.ac.uk/people/gavin.lowe/LinearizabiltyTesting/paper.pdf
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Call = TypeVar("Call")
State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Call]):
    """`returned` is infinite and `result` None where nobody knows the outcome."""

    client: str
    call: Call
    invoked: float
    returned: float = math.inf
    result: object = None

    @property
    def known(self) -> bool:
        return self.returned < math.inf


Step = Callable[[State, Operation[Call]], State | None]
"""The state after an operation; None where it cannot have had its result in that state."""


@dataclass(frozen=True, slots=True)
class Violation(Generic[Call]):
    """`placed` is the longest order that was found, `stuck` the operation that fits in nowhere
    although it has returned."""

    placed: Sequence[Operation[Call]]
    stuck: Operation[Call]

    def __str__(self) -> str:
        lines = [f"  {line(each)}" for each in self.placed[-12:]]
        return "\n".join(["not linearizable: after", *lines, "comes", f"  {line(self.stuck)}"])


def line(operation: Operation[Call]) -> str:
    end = f"{operation.returned:.4f}" if operation.known else "?"
    return (
        f"{operation.invoked:.4f} to {end} {operation.client}: {operation.call} "
        f"gave {operation.result}"
    )


class _Events:
    """Invocations and returns in the order of their times, as a list from which operations are
    taken out and put back. Equal times count as concurrent."""

    def __init__(self, operations: Sequence[Operation[Call]]) -> None:
        events = [(each.invoked, 0, place) for place, each in enumerate(operations)]
        events += [(each.returned, 1, place) for place, each in enumerate(operations)]
        events.sort()
        count = len(events)
        self.whose = [-1, *(place for _, _, place in events)]
        self.is_return = [False, *(bool(kind) for _, kind, _ in events)]
        self._return_of = [0] * (count + 1)
        returns = {place: at for at, (_, kind, place) in enumerate(events, 1) if kind}
        for at, (_, kind, place) in enumerate(events, 1):
            self._return_of[at] = 0 if kind else returns[place]
        self._next: list[int] = [*range(1, count + 1), 0]
        self._previous: list[int] = [count, *range(count)]

    @property
    def first(self) -> int:
        return self._next[0]

    def after(self, event: int) -> int:
        return self._next[event]

    def take_out(self, invocation: int) -> None:
        for event in (invocation, self._return_of[invocation]):
            self._next[self._previous[event]] = self._next[event]
            self._previous[self._next[event]] = self._previous[event]

    def put_back(self, invocation: int) -> None:
        for event in (self._return_of[invocation], invocation):
            self._next[self._previous[event]] = event
            self._previous[self._next[event]] = event


def violation(
    operations: Sequence[Operation[Call]], initial: State, step: Step[State, Call]
) -> Violation[Call] | None:
    """None where the operations on one object are linearizable."""
    events, left = _Events(operations), sum(each.known for each in operations)
    state, placed, seen = initial, 0, set[tuple[int, State]]()
    stack: list[tuple[int, State]] = []
    longest: list[int] = []
    stuck = -1
    event = events.first
    while left:
        whose = events.whose[event]
        if not events.is_return[event]:
            after = step(state, operations[whose])
            reached = placed | 1 << whose
            if after is None or (reached, after) in seen:
                event = events.after(event)
                continue
            seen.add((reached, after))
            stack.append((event, state))
            events.take_out(event)
            left -= operations[whose].known
            state, placed, event = after, reached, events.first
            continue
        if stuck < 0 or len(stack) > len(longest):
            longest, stuck = [events.whose[at] for at, _ in stack], whose
        if not stack:
            return Violation([operations[each] for each in longest], operations[stuck])
        event, state = stack.pop()
        events.put_back(event)
        placed &= ~(1 << events.whose[event])
        left += operations[events.whose[event]].known
        event = events.after(event)
    return None


def orders(operations: Sequence[Operation[Call]]) -> Iterator[list[Operation[Call]]]:
    """All orders that keep to the times, with any of the operations without an outcome left out;
    for a few operations."""
    if not any(each.known for each in operations):
        yield []
    for each in operations:
        if all(each.invoked <= other.returned for other in operations):
            rest = [other for other in operations if other is not each]
            for order in orders(rest):
                yield [each, *order]
