"""What an operator hears of the events of sessions."""

from semvec.persistence import Next
from semvec.session.events import Consolidated, Tier, Turn
from semvec.telemetry.protocol import SessionLife


def tell(event: Next, telemetry: SessionLife) -> None:
    """Of one that is committed."""
    if isinstance(event, Consolidated):
        telemetry.consolidated(len(event.verdicts))
    if not isinstance(event, Turn):
        return
    if drifted := sum(each.step.detected for each in event.heard):
        telemetry.drifted(drifted)
    if archived := sum(move.tier is Tier.ARCHIVE for move in event.moves):
        telemetry.archived(archived)
