"""Promise 8: a session rebuilt from its journal equals the live one, bit for bit."""

from dataclasses import dataclass
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.session import snapshot
from semvec.session.events import (
    Access,
    Created,
    Event,
    MemoryRecord,
    PolicyVector,
    Profile,
    Tier,
    decode_event,
    decode_memory,
    encode_event,
    encode_memory,
)
from semvec.session.session import Session
from semvec.session.turn import Said
from tests.session.conversations import DIMENSION, decided, new_session, talk, unit

texts = st.one_of(
    st.sampled_from(["Where is Ada?", "In Turin.", "where is ada", "Call 5 at 9:30", "Ω ok 東京"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)


@dataclass(frozen=True)
class Step:
    message: str | None
    response: str | None
    reset: bool
    pause: float
    use: int
    returns: int


steps = st.builds(
    Step,
    message=st.none() | texts,
    response=st.none() | texts,
    reset=st.booleans(),
    pause=st.floats(0.0, 1e5),
    use=st.integers(0, 200),
    returns=st.integers(0, 2),
)
profiles = st.builds(
    Profile,
    dimension=st.just(DIMENSION),
    model=st.none(),
    long_term=st.sampled_from([1, 3, 4096]),
    topic_switch=st.booleans(),
    template=st.none() | st.just(unit(5).tobytes()),
    policies=st.sampled_from([(), (PolicyVector(unit(6).tobytes(), 0.5, "calm"),)]),
)


def contents(session: Session) -> dict[int, MemoryRecord]:
    return {record.id: record for record in session.memories.records_after(0)}


def same(left: Session, right: Session) -> bool:
    return snapshot.take(left) == snapshot.take(right) and contents(left) == contents(right)


def vector_said(text: str | None, seed: int) -> Said | None:
    return None if text is None else Said(text, unit(seed))


def script_of(profile: Profile, script: list[Step]) -> tuple[Session, list[bytes]]:
    """A live session after a script, and its journal."""
    created = Created(at=1000.0, profile=profile)
    session, journal = Session(created), [encode_event(created)]
    archive: dict[int, MemoryRecord] = {}
    for number, step in enumerate(script):
        known = list(session.memories.records_after(0))
        used = known[step.use % len(known) :][:1] if step.use and known else []
        turn = decided(
            session,
            now=session.used_at + step.pause,
            message=vector_said(step.message, 2 * number),
            response=vector_said(step.response, 2 * number + 1),
            reset=step.reset,
            accessed=[Access(record.id, 1, session.used_at) for record in used],
            returned=list(archive.values())[: step.returns],
        )
        journal.append(encode_event(turn))
        for record in turn.returned:
            archive.pop(record.id)
        for move in turn.moves:
            if move.tier is Tier.ARCHIVE:
                archive[move.memory_id] = session.memories.record(move.memory_id)
        session.apply(turn)
    return session, journal


def replayed(journal: list[bytes], session: Session | None = None) -> Session:
    events: list[Event] = [decode_event(payload) for payload in journal]
    if session is None:
        created = events.pop(0)
        assert isinstance(created, Created)
        session = Session(created)
    for event in events:
        session.apply(event)
    return session


@settings(max_examples=60, deadline=None)
@given(profiles, st.lists(steps, max_size=120), st.integers(0, 120))
def test_promise_8_replay_is_exact_to_the_bit(
    profile: Profile, script: list[Step], cut: int
) -> None:
    live, journal = script_of(profile, script)
    assert same(replayed(journal), live)
    assert live.seq == len(journal)

    at = 1 + cut % len(journal)
    prefix = replayed(journal[:at])
    stored = {
        record.id: decode_memory(encode_memory(record))
        for record in prefix.memories.records_after(0)
    }
    restored = snapshot.restore(snapshot.take(prefix), stored)
    assert same(restored, prefix)
    assert same(replayed(journal[at:], restored), live)


@pytest.mark.parametrize("seed", range(3))
def test_promise_8_holds_while_memories_go_to_the_archive_and_come_back(seed: int) -> None:
    random = Random(seed)
    script = [
        Step(
            message=f"question {random.randrange(300)}",
            response=random.choice([None, f"answer {random.randrange(300)}"]),
            reset=random.random() < 0.1,
            pause=random.expovariate(1 / 60),
            use=random.randrange(200),
            returns=random.randrange(3),
        )
        for _ in range(300)
    ]
    live, journal = script_of(Profile(DIMENSION, None, 10), script)
    assert live.archived > 50
    assert len(live.memories) == 16 + 64 + 10
    prefix = replayed(journal[:200])
    restored = snapshot.restore(snapshot.take(prefix), contents(prefix))
    assert same(replayed(journal[200:], restored), live)
    assert same(replayed(journal), live)


def test_a_snapshot_of_a_later_version_is_refused() -> None:
    session = new_session()
    list(talk(session, 3))
    record = msgspec.msgpack.decode(snapshot.take(session))
    later = msgspec.msgpack.encode({**record, "version": snapshot.VERSION + 1})
    with pytest.raises(ValueError, match="version 2"):
        snapshot.restore(later, contents(session))


def test_a_snapshot_without_a_memory_is_refused() -> None:
    session = new_session()
    list(talk(session, 3))
    known = contents(session)
    known.pop(1)
    with pytest.raises(KeyError):
        snapshot.restore(snapshot.take(session), known)
