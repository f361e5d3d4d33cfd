"""Promise 11: what a session takes is bounded, and it knows how much that is."""

import gc
import os
import tracemalloc
from collections.abc import Callable
from functools import partial
from sys import getsizeof

import msgspec
import numpy as np
import pytest

from semvec.session.consolidation import due
from semvec.session.edits import (
    plan_anchor,
    plan_entity,
    plan_injection,
    plan_isolation,
    plan_trigger,
)
from semvec.session.events import (
    EntityKind,
    IsolationLevel,
    MemoryRecord,
    MemoryTier,
    Profile,
    encode_event,
)
from semvec.session.memory_accounting import text_bytes
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.session.turn import EncodedText
from semvec.tokens import MAX_KEPT_TOKENS, TOKEN_DIMENSION, tokens_of
from semvec.vectors import Tokens
from semvec.words import stem, terms
from tests.session.conversations import consolidate, decided, new_session, play, unit
from tests.session.journals import perform
from tests.session.sizes import resident_bytes

TURNS = int(os.environ.get("SEMVEC_TEST_TURNS", "30000"))
"""The promise says 100,000, which takes a minute."""

Words = Callable[[int], str]


def english(number: int) -> str:
    return f"remark {number} on subject {number % 211} of {number % 89}"


def chinese(number: int) -> str:
    return f"第{number}句话说的是第{number % 211}个题目和另外{number % 89}件事情"


def cheerful(number: int) -> str:
    return f"remark {number} on subject {number % 211} \N{PARTY POPPER}"


def sizeable(number: int) -> str:
    return " ".join(english(10 * number + part) for part in range(10))


def said(text: str, seed: int, profile: Profile, kept: int) -> EncodedText:
    x, p = unit(seed % 997, profile.dimension), profile.token_dimension
    if not p:
        return EncodedText(text, x)
    codes = bytes(1 + (seed + place) % 127 for place in range(kept * p))
    return EncodedText(text, x, Tokens(x[None, :p], ("word",), codes))


def converse(session: Session, first: int, last: int, words: Words, *, kept: int = 3) -> None:
    """Turns from one number to another: pairs of texts with so many token vectors, ten in a row
    with the same answer, and before every twentieth a memory comes back from the archive."""
    profile, archive = session.profile, dict[int, MemoryRecord]()
    for number in range(first, last):
        question = said(words(2 * number), 2 * number, profile, kept)
        answered = 2 * (number - number % 10) + 1
        returned = [archive.popitem()[1]] if number % 20 == 0 and archive else []
        turn = decided(
            session,
            now=session.used_at + 1.0,
            message=question,
            response=said(words(answered), answered, profile, kept),
            returned=returned,
        )
        archive = {
            move.memory_id: session.memories.record(move.memory_id)
            for move in turn.moves
            if move.tier is MemoryTier.ARCHIVE and move.memory_id in session.memories
        }
        encode_event(turn)  # as a server does: text that is not ASCII keeps its UTF-8 from then on
        session.apply(turn)
        if due(session.memories):
            consolidate(session)


@pytest.mark.timeout(900)
def test_promise_11_a_session_takes_no_more_after_many_turns() -> None:
    session = new_session(long_term=256, dimension=8, token_dimension=8)
    converse(session, 0, 10_000, english)
    known, counted = resident_bytes(session), session.nbytes
    converse(session, 10_000, TURNS, english)
    assert resident_bytes(session) == pytest.approx(known, rel=0.01)
    assert session.nbytes == pytest.approx(counted, rel=0.01)


def published(profile: Profile, text: int, terms: int) -> int:
    """The bound of docs/memory.md, for memories of so many bytes of text and distinct terms."""
    vectors = 2.5 * (profile.dimension + 4)
    if profile.token_dimension:
        vectors += 40 * (profile.token_dimension + 4)
    each = vectors + text + 260 * terms + 900
    return int(20_000 + 130 * profile.dimension + (profile.long_term + 150) * each)


@pytest.mark.parametrize("token_dimension", [0, 16])
@pytest.mark.parametrize("words", [sizeable, chinese])
def test_promise_11_a_full_session_meets_what_is_published(
    words: Words, token_dimension: int
) -> None:
    session = new_session(long_term=256, dimension=32, token_dimension=token_dimension)
    converse(session, 0, 1000, words, kept=MAX_KEPT_TOKENS // 2)
    memories = session.memories
    assert len(memories) == 256 + 64 + 16
    contents = [each for each in memories.contents if each is not None]
    most = published(
        session.profile,
        max(each.text_bytes for each in contents),
        max(len(set(terms(each.text))) for each in contents),
    )
    assert most / 8 < resident_bytes(session) < most
    assert session.nbytes < most


@pytest.mark.parametrize("dimension", [384, 768, 1024])
def test_promise_23_vectors_of_a_memory_are_bounded(dimension: int) -> None:
    """Pairs of long texts, with as many token vectors as texts keep."""
    session = new_session(dimension=dimension, token_dimension=TOKEN_DIMENSION)
    rng = np.random.default_rng(0)
    for number in range(4):
        for part in ("message", "response"):
            vectors = rng.standard_normal((600, dimension)).astype(np.float32)
            tokens = tokens_of(vectors, [f"{part}{place}" for place in range(600)])
            text = EncodedText(f"{part} {number}", unit(number, dimension), tokens)
            play(session, **{part: text})
    memories = session.memories
    assert memories.questions is not None
    pooled = 2 * (dimension + 4)
    most = pooled + int(memories.tokens.lengths.max()) * (TOKEN_DIMENSION + 4)
    assert most == pooled + 24 * 132
    assert most <= 4000 or dimension > 384


@pytest.mark.parametrize("words", [english, chinese, cheerful, sizeable])
@pytest.mark.parametrize("turns", [60, 500])
@pytest.mark.parametrize("tokens", [0, 8])
def test_a_session_knows_what_it_takes(turns: int, words: Words, tokens: int) -> None:
    session, taken = traced(turns, words, tokens)
    assert session.nbytes == pytest.approx(taken, rel=0.15)
    assert resident_bytes(session) == pytest.approx(taken, rel=0.1)


@pytest.mark.parametrize("turns", [0, 3])
def test_a_young_session_counts_what_its_histories_will_take(turns: int) -> None:
    session, taken = traced(turns, english, 8)
    assert taken < session.nbytes < taken + 6000


def traced(turns: int, words: Words, tokens: int) -> tuple[Session, int]:
    """A session, and the bytes that were allocated for it and are still held, stems included."""
    converse(new_session(dimension=32, token_dimension=tokens), 0, 9, words)  # what loads late
    stem.cache_clear()
    tracemalloc.start()
    try:
        session = new_session(long_term=200, dimension=32, token_dimension=tokens)
        converse(session, 0, turns, words)
        stem.cache_clear()
        gc.collect()
        return session, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["plain", "café", "第一", "\N{PARTY POPPER} again"])
def test_a_text_counts_alike_before_and_after_its_utf_8_is_asked_for(text: str) -> None:
    fresh = f"{text} {len(text)}"  # a new string
    before = text_bytes(fresh)
    msgspec.msgpack.encode(fresh)
    assert text_bytes(fresh) == before == pytest.approx(getsizeof(fresh), abs=8)


@pytest.mark.parametrize("dimension", [12, 384])
@pytest.mark.parametrize("kind", ["entity", "trigger", "anchor", "held"])
def test_a_session_knows_what_is_set_on_it(kind: str, dimension: int) -> None:
    session = new_session(dimension=dimension, token_dimension=8)
    before = session.nbytes, resident_bytes(session)
    if kind == "held":
        exclusions = unit(0, dimension)[None]
        perform(
            session,
            lambda s: plan_isolation(s, IsolationLevel.LOCKDOWN, exclusions, exclusions, 0.99),
        )
        before = session.nbytes, resident_bytes(session)
    for number in range(200):
        perform(session, partial(set_on, kind, number))
    session.literals.search("value", 1)  # splits them into words
    counted, taken = session.nbytes - before[0], resident_bytes(session) - before[1]
    assert counted == pytest.approx(taken, rel=0.15)


def set_on(kind: str, number: int, session: Session) -> Plan:
    x = unit(number, session.profile.dimension)
    match kind:
        case "entity":
            key, value = f"KEY_{number}/name", f"some value {number} " * 6
            return plan_entity(session, key, EntityKind.PATH, value, "where it was found", 0.5)
        case "trigger":
            return plan_trigger(session, f"keyword {number}", x, 0.5)
        case "anchor":
            return plan_anchor(session, x)
        case _:
            text = said(english(number), number, session.profile, 24)
            return plan_injection(session, text, MemoryTier.SHORT_TERM, 0.5, 0)
