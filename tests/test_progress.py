import io
import time

import pytest

from semvec.progress import Counted, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_shows_at_once_and_is_erased_at_the_end() -> None:
    terminal = Terminal()
    with Progress("export s", terminal) as progress:
        progress.stage("waiting for the server")
        assert terminal.getvalue() == "\rexport s: waiting for the server, 0 s\x1b[K"
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_stage_with_a_total_has_a_bar() -> None:
    terminal = Terminal()
    file = io.BytesIO(bytes(2_000_000))
    with Progress("import s", terminal) as progress:
        progress.stage("sending", 2_000_000)
        counted = Counted(file, progress, afterwards="the server takes it in")
        counted.read(1_000_000)
        progress._draw()
        counted.read()
        progress._draw()
        assert counted.read() == b""
    _, none, half, whole, after, erased = terminal.getvalue().split("\r")
    assert none.startswith("import s: sending [..............................]   0% 0.0 MB")
    assert half.startswith("import s: sending [###############...............]  50% 1.0 MB")
    assert whole.startswith("import s: sending [##############################] 100% 2.0 MB")
    assert after.startswith("import s: the server takes it in, 0 s")
    assert erased == "\x1b[K"


def test_the_line_is_drawn_anew_while_a_command_waits() -> None:
    terminal = Terminal()
    give_up = time.monotonic() + 20
    with Progress("import s", terminal) as progress:
        progress.stage("the server takes it in")
        while terminal.getvalue().count("\r") < 3 and time.monotonic() < give_up:
            time.sleep(0.01)
    assert terminal.getvalue().count("the server takes it in") >= 3


def test_a_line_is_no_wider_than_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    with Progress("import a-name-that-is-long.json", terminal) as progress:
        progress.stage("sending", 1)
    assert terminal.getvalue().startswith("\rimport a-name-that-\x1b[K")


@pytest.mark.parametrize("out", [io.StringIO(), None])
def test_nothing_is_written_to_a_file_or_to_no_stream(out: io.StringIO | None) -> None:
    with Progress("export s", out) as progress:
        progress.stage("receiving", 10)
        progress.add(10)
    assert out is None or out.getvalue() == ""
