"""The first log line, written before slow imports."""

import contextlib
import logging
import sys
from typing import TextIO

from semvec import __version__
from semvec.settings import Settings
from semvec.standard_streams import announce as write_line
from semvec.telemetry.lines import Format, as_json, for_eyes


def format_for(settings: Settings, stream: TextIO | None) -> Format:
    """Return the configured log format."""
    if settings.log_format == "auto":
        return for_eyes if stream is not None and stream.isatty() else as_json
    return for_eyes if settings.log_format == "console" else as_json


def announce(settings: Settings) -> None:
    """Log that the server is starting, if the log level includes it."""
    if settings.log_level not in ("info", "debug"):
        return
    record = logging.LogRecord(
        "semvec", logging.INFO, __file__, 0, "semvec %s is starting", (__version__,), None
    )
    with contextlib.suppress(ValueError):  # the stream was closed in Python
        write_line(format_for(settings, sys.stderr).record(record), sys.stderr)
