"""Evidence recall: the share of a question's evidence among the first memories found for it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from bench.quality.data import Conversation
from bench.quality.encoder import Encoder
from bench.quality.sessions import ask, told
from semvec.session.query import EncodedQuery
from semvec.session.session import Session
from semvec.session.turn import EncodedText

KS = (5, 10, 20)
UNANSWERABLE = "adversarial"
"""The category of questions whose evidence answers something else; not among "answerable"."""


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A conversation and the session that has learnt it, each turn a memory of its own."""

    conversation: Conversation
    session: Session


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question; `recall` is the share of its evidence that was found, by k."""

    conversation: str
    category: str
    recall: Mapping[int, float]


def query_of(said: EncodedText) -> EncodedQuery:
    return EncodedQuery(said.text, said.vector, said.tokens)


def learn(encoder: Encoder, conversations: Iterable[Conversation]) -> list[Learnt]:
    profile = encoder.profile()
    return [
        Learnt(each, told(profile, (encoder.said(text) for _, text in each.turns)))
        for each in conversations
    ]


def questions(encoder: Encoder, learnt: Iterable[Learnt]) -> Iterator[Asked]:
    """Every question to the session of its conversation."""
    for each in learnt:
        ids = defaultdict[str, set[str]](set)
        for turn_id, text in each.conversation.turns:
            ids[text].add(turn_id)
        for question in each.conversation.questions:
            found = ask(each.session, query_of(encoder.said(question.text)), max(KS))
            shares = recall(question.evidence, [ids[item.text] for item in found])
            yield Asked(each.conversation.name, question.category, shares)


def recall(evidence: Collection[str], found: Sequence[Collection[str]]) -> dict[int, float]:
    """The share of the evidence among the turns of the first k items, best first."""
    return {k: len(set(evidence).intersection(chain(*found[:k]))) / len(evidence) for k in KS}


def groups(rows: Iterable[Asked]) -> dict[str, list[Asked]]:
    """All, the answerable, then by category and by conversation."""
    rows = list(rows)
    answerable = [row for row in rows if row.category != UNANSWERABLE]
    by: dict[str, list[Asked]] = {"all": rows, "answerable": answerable}
    for name in ("category", "conversation"):
        for key in sorted({getattr(row, name) for row in rows}):
            by[key] = [row for row in rows if getattr(row, name) == key]
    return by


def recalls(rows: Sequence[Asked]) -> dict[int, float]:
    """Mean recall in %, by k."""
    return {k: 100.0 * fmean(row.recall[k] for row in rows) for k in KS}
