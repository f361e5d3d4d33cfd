import json
import logging
import sys
from typing import Any

import pytest

from semvec.telemetry.lines import AccessRecord, Format, as_json, for_eyes, printable

AT = 1_795_314_563.25
FORGED = "a\n2026-11-22 00:00:00,000 INFO    semvec: all is well\r\x1b[2K\u2028\u202e\x9b\ud800"


def answered(**more: Any) -> AccessRecord:
    given: dict[str, Any] = {
        "at": AT,
        "request_id": "ab12",
        "method": "POST",
        "endpoint": "/v1/run",
        "status": 200,
        "took": 0.0015,
        "client": "203.0.113.7",
        "subject": "acme",
        "fault": None,
        "trace": None,
    }
    return AccessRecord(**given | more)


def record(message: str, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("semvec.test", logging.WARNING, "f", 1, message, args, None)
    made.created = AT
    made.__dict__.update(more)
    return made


def said(format: Format, entry: AccessRecord | logging.LogRecord) -> str:
    return format.answered(entry) if isinstance(entry, AccessRecord) else format.record(entry)


def test_a_request_is_one_object() -> None:
    assert json.loads(said(as_json, answered(trace="4bf9"))) == {
        "time": "2026-11-22T02:29:23.250Z",
        "level": "info",
        "logger": "semvec.access",
        "message": "POST /v1/run 200",
        "request_id": "ab12",
        "method": "POST",
        "endpoint": "/v1/run",
        "status": 200,
        "duration_ms": 1.5,
        "client": "203.0.113.7",
        "subject": "acme",
        "trace_id": "4bf9",
    }


def test_a_request_is_one_line() -> None:
    line = said(for_eyes, answered(subject=None))
    _, _, rest = line.partition(" INFO    semvec.access: ")
    assert rest == "203.0.113.7 - POST /v1/run 200 1.5 ms ab12"


def test_a_fault_of_the_servers_is_told() -> None:
    failed = answered(status=503, fault="storage cannot commit")
    assert (
        json.loads(said(as_json, failed)).items()
        >= {
            "level": "error",
            "error": "storage cannot commit",
        }.items()
    )
    assert " ERROR " in said(for_eyes, failed)
    assert said(for_eyes, failed).endswith("(storage cannot commit)")


def test_a_record_names_its_request() -> None:
    told = json.loads(said(as_json, record("%s failed", "it", request_id="ab12")))
    assert told == {
        "time": "2026-11-22T02:29:23.250Z",
        "level": "warning",
        "logger": "semvec.test",
        "message": "it failed",
        "request_id": "ab12",
    }


@pytest.mark.parametrize(
    "entry",
    [
        answered(subject=FORGED),
        answered(status=500, fault=FORGED),
        record("lost: %s", FORGED),
        record(FORGED),
    ],
)
def test_no_text_can_look_like_another_line(entry: AccessRecord | logging.LogRecord) -> None:
    for line in (said(for_eyes, entry), said(as_json, entry)):
        assert line.isprintable()
        assert "2026-11-22 00:00:00,000" in line
    json.loads(said(as_json, entry))


def test_a_traceback_is_set_apart() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        failed = record("failed")
        failed.exc_info = sys.exc_info()
    first, *rest = said(for_eyes, failed).split("\n")
    assert first.endswith("failed")
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)
    assert json.loads(said(as_json, failed))["traceback"][0] == "Traceback (most recent call last):"
    assert said(as_json, failed).isprintable()
    assert "all is well" not in json.loads(said(as_json, failed))["traceback"][-1]


def test_what_can_be_printed_is_left_alone() -> None:
    assert printable("Zürich 北京 🙂 a\\b") == "Zürich 北京 🙂 a\\b"
