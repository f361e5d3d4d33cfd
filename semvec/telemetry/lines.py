"""Log lines, as JSON or for a console; no text in one can imitate another line."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson
from msgspec import Struct

from semvec.telemetry.tracebacks import traceback_lines

ACCESS = "semvec.access"
CONTINUED = "    | "
"""Prefix of an entry's further lines, such as tracebacks."""


class AccessRecord(Struct, gc=False):
    """An answered request, as logged.

    `at` is the time of the answer in seconds since the epoch, `took` the duration in seconds;
    `fault` is the server's error, if any; `trace` the id of the request's trace.
    """

    request_id: str
    method: str
    endpoint: str
    client: str
    at: float = 0.0
    status: int = 0
    took: float = 0.0
    subject: str | None = None
    fault: str | None = None
    trace: str | None = None


class Format(NamedTuple):
    """Functions that format requests and other records."""

    answered: Callable[[AccessRecord], str]
    record: Callable[[logging.LogRecord], str]


@lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """Escape the text to one line: control characters, line ends, direction marks and invalid
    characters become escape codes."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _answered_as_json(entry: AccessRecord) -> str:
    """Format a request as JSON from cached parts; ids and addresses need no escaping."""
    line = (
        f'{{"time":"{_utc(entry.at)}"'
        f',{_kind(entry.method, entry.endpoint, entry.status)},"request_id":"{entry.request_id}"'
        f',"duration_ms":{entry.took * 1e3:.3f},"client":"{entry.client}"{_subject(entry.subject)}'
    )
    if entry.fault:
        line += f',"error":{_quoted(printable(entry.fault))}'
    if entry.trace:
        line += f',"trace_id":"{entry.trace}"'
    return line + "}"


@lru_cache(maxsize=4096)
def _kind(method: str, endpoint: str, status: int) -> str:
    """Return the members that all such requests share."""
    message = _quoted(f"{method} {endpoint} {status}")
    return (
        f'"level":"{_level(status).lower()}","logger":"{ACCESS}","message":{message}'
        f',"method":{_quoted(method)},"endpoint":{_quoted(endpoint)},"status":{status}'
    )


@lru_cache(maxsize=4096)
def _subject(subject: str | None) -> str:
    return f',"subject":{_quoted(printable(subject))}' if subject else ""


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def _record_as_json(record: logging.LogRecord) -> str:
    said: dict[str, object] = {
        "time": _utc(record.created),
        "level": record.levelname.lower(),
        "logger": printable(record.name),
        "message": printable(record.getMessage()),
    }
    if hasattr(record, "request_id"):
        said["request_id"] = record.request_id
    if lines := _traceback(record):
        said["traceback"] = [printable(line) for line in lines]
    return orjson.dumps(said).decode()


def _answered_for_eyes(entry: AccessRecord) -> str:
    head = f"{_local(entry.at)} {_level(entry.status):<7} {ACCESS}: "
    who = f"{entry.client} {printable(entry.subject or '-')}"
    what = f"{entry.method} {entry.endpoint} {entry.status} {entry.took * 1e3:.1f} ms"
    fault = f" ({printable(entry.fault)})" if entry.fault else ""
    return f"{head}{who} {what} {entry.request_id}{fault}"


def _record_for_eyes(record: logging.LogRecord) -> str:
    head = f"{_local(record.created)} {record.levelname:<7} {printable(record.name)}: "
    rest = [CONTINUED + printable(line) for line in _traceback(record)]
    return "\n".join([head + printable(record.getMessage()), *rest])


def _traceback(record: logging.LogRecord) -> Sequence[str]:
    if record.exc_info and record.exc_info[1] is not None:
        return traceback_lines(record.exc_info[1])
    return ()


def _level(status: int) -> str:
    return "ERROR" if status >= 500 else "INFO"


def _local(at: float) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))},{int(at % 1 * 1000):03d}"


def _utc(at: float) -> str:
    return f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


as_json = Format(_answered_as_json, _record_as_json)
"""One JSON object for each entry; missing values are omitted."""

for_eyes = Format(_answered_for_eyes, _record_for_eyes)
