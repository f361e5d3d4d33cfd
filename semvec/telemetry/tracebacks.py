"""Tracebacks without exception messages, which may quote a tenant's text."""

import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType

SAFE = frozenset(
    {
        AttributeError,
        ImportError,
        MemoryError,
        ModuleNotFoundError,
        NameError,
        RecursionError,
        TypeError,
        UnboundLocalError,
        ZeroDivisionError,
    }
)
"""Built-in exceptions whose messages contain only names and types of the program, no values."""

MOST_CHAINED = 8
"""Exceptions of one chain that are shown; the last ones."""


def traceback_lines(error: BaseException) -> Sequence[str]:
    """Format a traceback as Python does, oldest exception first; of most exceptions only the
    type."""
    lines: list[str] = []
    for each, leads_to in reversed([*_chain(error)]):
        lines += _frames(each.__traceback__)
        lines.append(_name(each))
        if leads_to:
            lines += ["", leads_to, ""]
    return lines


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield the exception and its causes, each with the phrase that links it to the next one."""
    leads_to = ""
    for _ in range(MOST_CHAINED):
        yield error, leads_to
        if error.__cause__ is not None:
            error, leads_to = error.__cause__, "which was the direct cause of:"
        elif error.__context__ is not None and not error.__suppress_context__:
            error, leads_to = error.__context__, "during whose handling came:"
        else:
            return


def _frames(trace: TracebackType | None) -> Sequence[str]:
    if trace is None:
        return []
    frames = "".join(traceback.format_tb(trace)).splitlines()
    return ["Traceback (most recent call last):", *frames]


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    if kind in SAFE:
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return f"{name} (its message is left out: it may hold a text)"
