import asyncio
import logging
from collections.abc import Callable

import pytest

from semvec.telemetry.loop import log_stray_exception
from semvec.telemetry.tracebacks import traceback_lines

SECRET = "my-secret-pin-4711"


def fail_on(text: str) -> None:
    {"known": 1}[text]


def chained() -> None:
    try:
        fail_on(SECRET)
    except KeyError as error:
        raise RuntimeError(f"no value for {SECRET}") from error


def while_handling() -> None:
    try:
        fail_on(SECRET)
    except KeyError:
        int(SECRET)


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (chained, ["KeyError", "which was the direct cause of:", "RuntimeError"]),
        (while_handling, ["KeyError", "during whose handling came:", "ValueError"]),
    ],
)
def test_frames_and_types_are_shown_and_no_message_that_may_quote_a_text(
    fail: Callable[[], None], said: list[str]
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        fail()
    lines = traceback_lines(caught.value)
    assert [line.split(" (its")[0] for line in lines if line and line[0] not in " T"] == said
    assert lines[0] == "Traceback (most recent call last):"
    assert any("in fail_on" in line for line in lines)
    assert SECRET not in "".join(lines)


def test_what_python_and_the_system_say_is_kept() -> None:
    for error, said in (
        (TypeError("'int' object is not callable"), "TypeError: 'int' object is not callable"),
        (OSError(28, "No space left on device", f"/{SECRET}"), "OSError: No space left on device"),
    ):
        assert traceback_lines(error) == [said]


def test_a_long_chain_ends() -> None:
    error = last = ValueError()
    for _ in range(1000):
        error.__cause__ = ValueError()
        error = error.__cause__
    assert len(traceback_lines(last)) < 50


async def test_what_nobody_awaited_is_logged_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    error = ValueError(SECRET)
    task = loop.create_future()
    task.set_exception(error)
    context = {"message": "Task exception was never retrieved", "exception": error, "future": task}
    with caplog.at_level(logging.ERROR, "semvec"):
        log_stray_exception(loop, context)
    assert caplog.records[0].getMessage() == "Task exception was never retrieved (no task)"
    assert caplog.records[0].exc_info is not None
    assert task.exception() is error
