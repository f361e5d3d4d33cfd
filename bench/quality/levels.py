"""What a relevance means: its levels where something answers a question, and where nothing does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.quality.encoder import Encoder
from bench.quality.recall import Learnt, query_of
from bench.quality.sessions import ask

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True, slots=True)
class Level:
    """Relevance by percentile."""

    of: str
    relevance: dict[int, float]


def levels(encoder: Encoder, learnt: Sequence[Learnt]) -> list[Level]:
    """Over all questions, to the session of their own conversation and to that of the next one."""
    own = [answer for each in learnt for answer in answers(encoder, each, each)]
    others = [
        answer
        for place, each in enumerate(learnt)
        for answer in answers(encoder, learnt[place - 1], each)
    ]
    return [
        level("best memory", [best for best, _, _ in own]),
        level("best evidence", [evidence for _, evidence, _ in own]),
        level("any memory", [relevance for _, _, all_ in own for relevance in all_]),
        level("best memory of another conversation", [best for best, _, _ in others]),
    ]


def answers(
    encoder: Encoder, asking: Learnt, answering: Learnt
) -> Iterator[tuple[float, float, list[float]]]:
    """For each question the relevance of the best memory, of the best evidence, and of each."""
    turns = dict(asking.conversation.turns)
    for question in asking.conversation.questions:
        query = query_of(encoder.said(question.text))
        found = ask(answering.session, query, len(answering.session.memories))
        wanted = {turns[turn_id] for turn_id in question.evidence}
        evidence = max((each.relevance for each in found if each.text in wanted), default=0.0)
        yield found[0].relevance, evidence, [each.relevance for each in found]


def level(of: str, relevance: Sequence[float]) -> Level:
    values = np.percentile(relevance, PERCENTILES).tolist()
    return Level(of, dict(zip(PERCENTILES, values, strict=True)))
