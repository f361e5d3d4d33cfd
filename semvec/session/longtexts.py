"""Preparation of long texts on a thread, before the event loop uses them.

The results are cached by `terms` and in the digests of a draft.
"""

from collections.abc import Iterable, Iterator, Sequence

from semvec.session.events import MemoryTier, QuarantinedItem, SessionEvent, Turn, join_pair
from semvec.session.lexical_cues import cues
from semvec.session.memory import text_of
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.texts import TEXT_PIECE
from semvec.words import terms


def long(texts: Iterable[str]) -> list[str]:
    """Return the texts whose terms take long enough for a thread."""
    return [text for text in texts if len(text) > TEXT_PIECE]


def prepare(texts: Iterable[str]) -> None:
    """Compute and cache the terms of long texts, also for the drift detector."""
    for text in texts:
        terms(text)
        cues(text)


def digest(plan: Plan) -> None:
    for draft in plan.drafts:
        draft.digests.compute()


def undigested(plan: Plan) -> bool:
    """Whether the digests of the plan's texts take long enough for a thread."""
    return not all(draft.digests.short for draft in plan.drafts)


def indexed(session: Session, event: SessionEvent) -> Sequence[str]:
    """Return the texts that the event adds to the index or removes from it."""
    if not isinstance(event, Turn):
        return []
    returned = [record.text for record in event.returned]
    return [*returned, *_arriving(session, event), *_leaving(session, event)]


def _arriving(session: Session, turn: Turn) -> Iterator[str]:
    held = {piece.id: piece for piece in turn.added if isinstance(piece, QuarantinedItem)}
    for learnt in turn.learnt:
        if learnt.held:
            yield (held.get(learnt.held) or session.quarantine.items[learnt.held]).text
        else:
            question, answer = session.halves(learnt, turn)
            yield join_pair(text_of(question), text_of(answer))


def _leaving(session: Session, turn: Turn) -> Iterator[str]:
    memories = session.memories
    for move in turn.moves:
        if move.tier is MemoryTier.ARCHIVE and move.memory_id in memories:
            yield memories.content(memories.row(move.memory_id)).text
