"""The event loop under watch."""

import asyncio
from contextlib import suppress

from semvec.telemetry.metrics import Metrics

LOOK_S = 0.25
PROCESS_LOOKS = 20
"""Every how many looks the process is looked at, on a thread."""


async def watch(metrics: Metrics) -> None:
    """Measure for ever how late a timer comes, and keep up to date what is looked up, so that
    other workers' scrapes find it too."""
    loop = asyncio.get_running_loop()
    looks = 0
    while True:
        metrics.look()
        if looks % PROCESS_LOOKS == 0:
            with suppress(OSError):  # too many open files, which the next look may find closed
                await asyncio.to_thread(metrics.process.look)
        looks += 1
        due = loop.time() + LOOK_S
        await asyncio.sleep(LOOK_S)
        metrics.loop_lag.observe(max(0.0, loop.time() - due))
