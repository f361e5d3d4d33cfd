"""The first line of the log, written before what is slow to import."""

import contextlib
import logging
import sys
from typing import TextIO

from semvec import __version__
from semvec.settings import Settings
from semvec.standard_streams import announce as write_line
from semvec.telemetry.lines import Format, as_json, for_eyes


def format_for(settings: Settings, stream: TextIO | None) -> Format:
    """The form of the log that the settings ask for."""
    if settings.log_format == "auto":
        return for_eyes if stream is not None and stream.isatty() else as_json
    return for_eyes if settings.log_format == "console" else as_json


def announce(settings: Settings) -> None:
    """Say that the server is starting, where the log has such lines."""
    if settings.log_level not in ("info", "debug"):
        return
    record = logging.LogRecord(
        "semvec", logging.INFO, __file__, 0, "semvec %s is starting", (__version__,), None
    )
    with contextlib.suppress(ValueError):  # of a stream that was closed in Python
        write_line(format_for(settings, sys.stderr).record(record), sys.stderr)
