"""CPU time of recalling and learning on one thread, the encoder's passes apart."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TypeVar

import numpy as np

from bench.quality.data import Conversation
from bench.quality.encoder import Encoder
from bench.quality.recall import query_of
from bench.quality.sessions import ask, new_session, play, told
from semvec.session.events import Profile
from semvec.session.session import Session
from semvec.session.turn import EncodedText

Item = TypeVar("Item")

SIZES = (500, 680, 4096)
ITEMS = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU: to answer one query, the same without token vectors, to decide and apply
    one turn, all in a session that has learnt so many."""

    memories: int
    query: float
    pooled_query: float
    turn: float


def costs(encoder: Encoder, conversations: Sequence[Conversation], rounds: int) -> list[Cost]:
    return [cost(encoder, conversations, size, rounds) for size in SIZES]


def cost(
    encoder: Encoder, conversations: Sequence[Conversation], memories: int, rounds: int
) -> Cost:
    turns = list(islice(endless(encoder, conversations), memories))
    asked = [encoder.said(each.text) for talk in conversations for each in talk.questions]
    return Cost(
        memories=memories,
        query=query_ms(told(encoder.profile(), turns), asked, rounds),
        pooled_query=query_ms(
            told(encoder.profile(tokens=False), map(without_tokens, turns)),
            list(map(without_tokens, asked)),
            rounds,
        ),
        turn=turn_ms(encoder.profile(), turns, min(rounds, 3)),
    )


def query_ms(session: Session, asked: Sequence[EncodedText], rounds: int) -> float:
    return milliseconds(lambda: lambda said: ask(session, query_of(said), ITEMS), asked, rounds)


def turn_ms(profile: Profile, turns: Sequence[EncodedText], rounds: int) -> float:
    def begin() -> Callable[[EncodedText], object]:
        session = new_session(profile)
        return lambda said: play(session, response=said)

    return milliseconds(begin, turns, rounds)


def pooling(encoder: Encoder, conversations: Sequence[Conversation], rounds: int) -> float:
    """Milliseconds of CPU to make a text's few token vectors out of all of them."""
    texts = [text for each in conversations for _, text in each.turns]
    return milliseconds(lambda: encoder.said, texts, rounds)


def endless(encoder: Encoder, conversations: Sequence[Conversation]) -> Iterator[EncodedText]:
    """The turns of all conversations, over and over; from the second time on with a number, so that
    each is a memory of its own."""
    for time_ in count(1):
        for conversation in conversations:
            for _, text in conversation.turns:
                said = encoder.said(text)
                yield said if time_ == 1 else replace(said, text=f"{text} ({time_})")


def without_tokens(said: EncodedText) -> EncodedText:
    return replace(said, tokens=None)


def milliseconds(
    begin: Callable[[], Callable[[Item], object]], items: Sequence[Item], rounds: int
) -> float:
    """Mean CPU time of the work that `begin` gives in each round, over the items in order.

    Of each item the quickest round counts, so that whoever else is on the machine hardly does.
    """
    times = [[seconds(work, item) for item in items] for work in (begin() for _ in range(rounds))]
    return 1e3 * float(np.min(times, axis=0).mean())


def seconds(work: Callable[[Item], object], item: Item) -> float:
    """Of CPU, on all threads."""
    start = time.process_time()
    work(item)
    return time.process_time() - start
