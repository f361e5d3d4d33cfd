"""Divides the inputs of a turn into learnt, held and dropped ones."""

from collections.abc import Sequence

from msgspec.structs import replace

from semvec.errors import Conflict
from semvec.session.events import Input, IsolationLevel, QuarantinedItem, join_pair
from semvec.session.memory import text_of
from semvec.session.plan import Draft
from semvec.session.session import Pending, Session, joined_tokens, learnt_vector
from semvec.tokens import repooled
from semvec.vectors import blend_scale, packed, unpacked

MAX_QUARANTINED = 10_000
MAX_QUARANTINED_BYTES = 64 << 20
"""Bytes of text in a session's quarantine."""


class IsolationFilter:
    """Checks one turn's inputs against the isolation policy.

    Each half of a pair is checked alone. A level that quarantines holds the whole pair if either
    half is withheld. A level that drops removes only that half, and the other is learnt alone.
    """

    def __init__(self, session: Session, heard: Sequence[Input]) -> None:
        level = session.guard.level
        self._session, self._heard = session, heard
        self._quarantines = level is IsolationLevel.QUARANTINE or level is IsolationLevel.LOCKDOWN
        self._is_suspect = [self._withholds(each.vector) for each in heard]
        self._pair_held = False
        self.added: list[QuarantinedItem] = []
        self.removed: list[int] = []

    @property
    def withheld_by(self) -> IsolationLevel | None:
        """The level, if any input is not learnt."""
        return self._session.guard.level if any(self._is_suspect) or self._pair_held else None

    def draft(self, question: Pending | None, answer: int | None) -> Draft | None:
        """Return the draft of a pending question, an input, or both; None if nothing is learnt."""
        question_out = question is not None and self._keeps_out(question)
        answer_out = answer is not None and self._is_suspect[answer]
        if (question_out or answer_out) and self._quarantines:
            self._hold(question, answer)
            return None
        return self._drafted(None if question_out else question, None if answer_out else answer)

    def heard(self) -> tuple[Input, ...]:
        """Return the inputs for the event. A withheld message is quarantined here, alone."""
        return tuple(
            self._withheld(each) if out else each
            for each, out in zip(self._heard, self._is_suspect, strict=True)
        )

    def _keeps_out(self, question: Pending) -> bool:
        return bool(question.held) or self._withholds(question.vector)

    def _withholds(self, vector: bytes) -> bool:
        guard = self._session.guard
        return guard.level is not IsolationLevel.OPEN and guard.withholds(unpacked(vector))

    def _drafted(self, question: Pending | None, answer: int | None) -> Draft | None:
        response = None if answer is None else self._heard[answer]
        if question is None and response is None:
            return None
        scale = pair_scale(question, response)
        text = join_pair(text_of(question), text_of(response))
        return Draft(
            text=text,
            x=learnt_vector(question, response, scale),
            asked=question is not None,
            answer=answer,
            scale=scale,
            tokens=self._repooled(question, response),
        )

    def _hold(self, question: Pending | None, answer: int | None) -> None:
        if question is not None and question.held:
            if answer is None:
                return  # it is held already
            self.removed.append(question.held)
        response = None if answer is None else self._heard[answer]
        self._pair_held |= response is not None
        x = learnt_vector(question, response, pair_scale(question, response))
        self._set_aside(
            QuarantinedItem(
                id=self._session.next_piece + len(self.added),
                question=text_of(question),
                response=text_of(response),
                vector=packed(x),
                question_vector=question.vector if question and response else None,
                tokens=self._repooled(question, response) or joined_tokens(question, response),
            )
        )

    def _repooled(self, question: Pending | None, response: Input | None) -> bytes | None:
        return repooled(joined_tokens(question, response), self._session.profile.token_dimension)

    def _withheld(self, heard: Input) -> Input:
        if not self._quarantines:
            return replace(heard, text="", tokens=None, asks=False)
        if not heard.asks:
            return replace(heard, text="", tokens=None)
        self._hold(Pending(heard.text, heard.vector, heard.tokens), None)
        return replace(heard, held=self.added[-1].id)

    def _set_aside(self, item: QuarantinedItem) -> None:
        self.added.append(item)
        check_room(self._session, self.added, len(self.removed))


def check_room(session: Session, items: Sequence[QuarantinedItem], leaving: int = 0) -> None:
    """Raise Conflict if the quarantine has no room for these items."""
    held = session.quarantine
    if len(held) + len(items) - leaving > MAX_QUARANTINED:
        raise Conflict(
            f"{len(held)} items are held, and no more than {MAX_QUARANTINED} can be: release them"
        )
    if held.text_bytes + sum(len(item.text.encode()) for item in items) > MAX_QUARANTINED_BYTES:
        raise Conflict(
            f"the items held have {held.text_bytes} bytes of text, and with this one more than "
            f"{MAX_QUARANTINED_BYTES}: release them"
        )


def pair_scale(question: Pending | None, response: Input | None) -> float:
    """Return the factor that normalises the sum of a pair's vectors; 1 for a single vector."""
    if question is None or response is None:
        return 1.0
    return blend_scale(unpacked(question.vector), unpacked(response.vector))
