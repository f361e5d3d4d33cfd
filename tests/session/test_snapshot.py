"""Promise 8: a session rebuilt from its journal equals the live one, bit for bit."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from semvec.session import snapshot
from semvec.session.events import (
    Consolidated,
    ConsolidationStatus,
    IsolationLevel,
    Profile,
    decode_event,
)
from tests.session.conversations import DIMENSION, new_session, talk
from tests.session.journals import (
    Step,
    contents,
    isolation,
    pieces,
    played,
    profiles,
    replayed,
    restored,
    same,
    some_operation,
    some_turn,
    steps,
)


@settings(max_examples=60, deadline=None)
@given(profiles, st.lists(steps, max_size=120), st.integers(0, 120))
def test_promise_8_replay_is_exact_to_the_bit(
    profile: Profile, script: list[Step], cut: int
) -> None:
    live, journal = played(profile, script)
    assert same(replayed(journal), live)
    assert live.seq == len(journal)

    prefix = replayed(journal[: 1 + cut % len(journal)])
    copy = restored(prefix)
    assert same(copy, prefix)
    assert same(replayed(journal[prefix.seq :], copy), live)


@pytest.mark.parametrize("seed", range(3))
def test_promise_8_holds_while_memories_go_to_the_archive_and_come_back(seed: int) -> None:
    random = Random(seed)
    script = [
        Step(
            operation=some_operation(random),
            pause=random.expovariate(1 / 60),
            use=random.randrange(200),
            find=random.randrange(3),
            returns=random.randrange(3),
        )
        for _ in range(500)
    ]
    script += [Step(isolation(IsolationLevel.LOCKDOWN, [], [])), Step(some_turn(random))]
    live, journal = played(Profile(DIMENSION, None, 10), script)
    assert live.archived > 50
    assert len(live.memories) == 16 + 64 + 10
    assert any(isinstance(decode_event(payload), Consolidated) for payload in journal)
    assert len(live.quarantine) * len(live.literals) * len(live.anchors)
    copy = restored(replayed(journal[:300]))
    assert same(replayed(journal[300:], copy), live)
    assert same(replayed(journal), live)


def test_a_snapshot_of_a_later_version_is_refused() -> None:
    session = new_session()
    list(talk(session, 3))
    record = msgspec.msgpack.decode(snapshot.take(session))
    later = msgspec.msgpack.encode({**record, "version": snapshot.SNAPSHOT_VERSION + 1})
    with pytest.raises(ValueError, match=f"version {snapshot.SNAPSHOT_VERSION + 1}"):
        snapshot.restore(later, contents(session))


def test_a_snapshot_without_a_memory_or_a_piece_is_refused() -> None:
    live, _ = played(
        Profile(DIMENSION, None, 10), [Step(some_operation(Random(n))) for n in range(60)]
    )
    known, parts = contents(live), pieces(live)
    assert same(snapshot.restore(snapshot.take(live), known, parts), live)
    with pytest.raises(KeyError):
        snapshot.restore(snapshot.take(live), dict(list(known.items())[1:]), parts)
    with pytest.raises(KeyError):
        snapshot.restore(snapshot.take(live), known, dict(list(parts.items())[1:]))


def test_a_snapshot_from_before_there_were_pieces_opens() -> None:
    session = new_session()
    list(talk(session, 3))
    record = msgspec.msgpack.decode(snapshot.take(session))
    del record["pieces"], record["pending"]["held"]
    for update in record["state"]["updates"]:
        assert not update.keys() & {"pull", "anchor", "astray", "realigning"}
    old = msgspec.msgpack.encode({**record, "version": 1})
    assert same(snapshot.restore(old, contents(session)), session)


def test_a_snapshot_from_before_consolidation_opens() -> None:
    live, _ = played(Profile(DIMENSION, None, 10), [Step(some_turn(Random(n))) for n in range(120)])
    assert (live.memories.standing > ConsolidationStatus.NEW).any()
    record = msgspec.msgpack.decode(snapshot.take(live))
    del record["columns"]["nearest"], record["columns"]["standing"]
    before = {
        memory_id: replace(memory, standing=ConsolidationStatus.NEW)
        for memory_id, memory in contents(live).items()
    }
    opened = snapshot.restore(msgspec.msgpack.encode(record), before, pieces(live))
    assert contents(opened) == before
    assert not (opened.memories.standing > ConsolidationStatus.NEW).any()
