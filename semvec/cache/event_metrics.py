"""Telemetry of the events of sessions."""

from semvec.persistence import NextEvent
from semvec.session.events import Consolidated, MemoryTier, Turn
from semvec.telemetry.protocol import SessionLife


def record_event_metrics(event: NextEvent, telemetry: SessionLife) -> None:
    """Report a committed event to `telemetry`."""
    if isinstance(event, Consolidated):
        telemetry.consolidated(len(event.verdicts))
    if not isinstance(event, Turn):
        return
    if drifted := sum(each.step.detected for each in event.heard):
        telemetry.drifted(drifted)
    if archived := sum(move.tier is MemoryTier.ARCHIVE for move in event.moves):
        telemetry.archived(archived)
