import io
import logging
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from semvec.telemetry import log_writer as module
from semvec.telemetry.lines import as_json, for_eyes
from semvec.telemetry.log_writer import LogWriter


class Stuck(io.StringIO):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_free = threading.Event()

    def write(self, text: str) -> int:
        self.is_free.wait(5)
        return super().write(text)


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.Logger("semvec.test")
    yield logger
    for handler in logger.handlers:
        handler.close()


def test_lines_come_in_order_and_soon(log: logging.Logger) -> None:
    stream = io.StringIO()
    log.addHandler(LogWriter(stream, for_eyes))
    for number in range(3000):
        log.warning("line %d", number)
    until = time.monotonic() + 5
    while stream.getvalue().count("\n") < 3000 and time.monotonic() < until:
        time.sleep(0.01)
    lines = stream.getvalue().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [f"line {n}" for n in range(3000)]


def test_what_waits_is_written_at_the_end() -> None:
    stream = io.StringIO()
    outbox = LogWriter(stream, for_eyes)
    outbox.handle(logging.LogRecord("a", logging.INFO, "f", 1, "last words", (), None))
    outbox.close()
    assert "last words\n" in stream.getvalue()


def test_a_stream_that_takes_nothing_holds_up_nobody(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED_LINES", 100)
    stream = Stuck()
    outbox = LogWriter(stream, as_json)
    log.addHandler(outbox)
    began = time.monotonic()
    for _ in range(5000):
        log.warning("more")
    assert time.monotonic() - began < 4
    assert outbox.dropped >= 5000 - 100 - module.LOG_PIECE
    stream.is_free.set()
    outbox.close()
    assert stream.getvalue().count("\n") + outbox.dropped == 5000


def test_a_closed_stream_is_nobodys_fault(log: logging.Logger) -> None:
    stream = io.StringIO()
    outbox = LogWriter(stream, for_eyes)
    stream.close()
    log.addHandler(outbox)
    log.warning("unheard")
    outbox.close()
    assert outbox.dropped == 1


def test_a_message_that_cannot_be_made_harms_nothing(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()
    outbox = LogWriter(stream, for_eyes)
    log.addHandler(outbox)
    log.warning("%d apples", "many")
    log.warning("%s apples", "many")
    outbox.close()
    assert stream.getvalue().endswith("many apples\n")
    assert stream.getvalue().count("\n") == 1


def test_a_thread_of_its_own_writes() -> None:
    writers: list[str] = []

    class Noting(io.StringIO):
        def write(self, text: str) -> int:
            writers.append(threading.current_thread().name)
            return super().write(text)

    outbox = LogWriter(Noting(), for_eyes)
    outbox.handle(logging.LogRecord("a", logging.INFO, "f", 1, "a", (), sys.exc_info()))
    outbox.close()
    assert set(writers) == {"semvec-log"}


def test_a_traceback_is_put_into_words_by_that_thread_too() -> None:
    where: list[str] = []

    def noting(record: logging.LogRecord) -> str:
        where.append(threading.current_thread().name)
        return for_eyes.record(record)

    outbox = LogWriter(io.StringIO(), for_eyes._replace(record=noting))
    outbox.handle(logging.LogRecord("a", logging.ERROR, "f", 1, "a", (), sys.exc_info()))
    outbox.close()
    assert where == ["semvec-log"]
