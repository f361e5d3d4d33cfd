"""Monitoring of the event loop."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from semvec.telemetry.metrics import ServerMetrics

log = logging.getLogger(__name__)

LOOP_LAG_INTERVAL_S = 0.25
PROCESS_LOOKS = 20
"""Process metrics are updated on a thread once in this many intervals."""


def log_stray_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an unhandled exception as asyncio does, but without the representations of tasks and
    exceptions, which may quote a tenant's text."""
    message = context.get("message") or "exception in the event loop"
    task = context.get("task") or context.get("future")
    name = task.get_name() if isinstance(task, asyncio.Task) else "no task"
    log.error("%s (%s)", message, name, exc_info=context.get("exception"))


async def watch(metrics: ServerMetrics) -> None:
    """Measure without end how late a timer fires, and keep observed metrics current, so that other
    workers' scrapes include them."""
    loop = asyncio.get_running_loop()
    looks = 0
    while True:
        metrics.collect()
        if looks % PROCESS_LOOKS == 0:
            with suppress(OSError):  # too many open files; the next update may succeed
                await asyncio.to_thread(metrics.process.look)
        looks += 1
        due = loop.time() + LOOP_LAG_INTERVAL_S
        await asyncio.sleep(LOOP_LAG_INTERVAL_S)
        metrics.loop_lag.observe(max(0.0, loop.time() - due))
