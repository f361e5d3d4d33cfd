"""Lines of the log, as JSON or for the eyes; no text in them can look like another line."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import orjson

ACCESS = "semvec.access"
CONTINUED = "    | "
"""How further lines of an entry begin, tracebacks above all."""


class Answered(NamedTuple):
    """One request that has its answer; `at` in seconds since the epoch, `took` in seconds.

    `fault` is what was wrong with the server, `trace` the id of the trace that the request is in.
    """

    at: float
    request_id: str
    method: str
    endpoint: str
    status: int
    took: float
    client: str
    subject: str | None
    fault: str | None
    trace: str | None


Entry = Answered | logging.LogRecord
Format = Callable[[Entry], str]


def as_json(entry: Entry) -> str:
    """An object, its keys in the order of their use."""
    said = _answered(entry) if isinstance(entry, Answered) else _record(entry)
    return orjson.dumps({key: value for key, value in said.items() if value is not None}).decode()


def for_eyes(entry: Entry) -> str:
    if isinstance(entry, Answered):
        head = f"{_local(entry.at)} {_level(entry):<7} {ACCESS}: "
        who = f"{entry.client} {printable(entry.subject or '-')}"
        what = f"{entry.method} {entry.endpoint} {entry.status} {entry.took * 1e3:.1f} ms"
        fault = f" ({printable(entry.fault)})" if entry.fault else ""
        return f"{head}{who} {what} {entry.request_id}{fault}"
    head = f"{_local(entry.created)} {entry.levelname:<7} {printable(entry.name)}: "
    rest = [CONTINUED + printable(line) for line in _traceback(entry).splitlines()]
    return "\n".join([head + printable(entry.getMessage()), *rest])


@lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """The text on one line: what ends a line, moves the cursor or turns the writing, and what is
    no character at all, is told by its code."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _answered(entry: Answered) -> dict[str, object]:
    return {
        "time": _utc(entry.at),
        "level": _level(entry).lower(),
        "logger": ACCESS,
        "message": f"{entry.method} {entry.endpoint} {entry.status}",
        "request_id": entry.request_id,
        "method": entry.method,
        "endpoint": entry.endpoint,
        "status": entry.status,
        "duration_ms": round(entry.took * 1e3, 3),
        "client": entry.client,
        "subject": entry.subject and printable(entry.subject),
        "error": entry.fault and printable(entry.fault),
        "trace_id": entry.trace,
    }


def _record(record: logging.LogRecord) -> dict[str, object]:
    return {
        "time": _utc(record.created),
        "level": record.levelname.lower(),
        "logger": printable(record.name),
        "message": printable(record.getMessage()),
        "request_id": getattr(record, "request_id", None),
        "traceback": [printable(line) for line in _traceback(record).splitlines()] or None,
    }


def _traceback(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return logging.Formatter().formatException(record.exc_info)
    return ""


def _level(entry: Answered) -> str:
    return "ERROR" if entry.status >= 500 else "INFO"


def _utc(at: float) -> str:
    return f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"


def _local(at: float) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))},{int(at % 1 * 1000):03d}"


@lru_cache(maxsize=8)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
