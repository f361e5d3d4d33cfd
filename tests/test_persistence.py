from semvec.persistence import (
    NOTHING_PERSISTED,
    PersistedState,
    append_of,
    replay,
    restored,
    snapshot_of,
)
from semvec.session import snapshot
from semvec.session.events import (
    Access,
    MemoryTier,
    Profile,
    SessionCreated,
    decode_memory,
    encode_event,
)
from semvec.session.session import Session
from semvec.store import Head, StoredSession
from tests.session.conversations import DIMENSION, decided, new_session, play, said, talk

Events = tuple[tuple[int, bytes], ...]


def journalled(turns: int) -> tuple[Session, Events]:
    """A session and its journal."""
    session = new_session()
    created = SessionCreated(session.created_at, Profile(DIMENSION, None, 4096))
    events = [encode_event(created), *map(encode_event, talk(session, turns))]
    return session, tuple(enumerate(events, 1))


def head(session: Session) -> Head:
    return Head(7, "ada", "s", session.seq, session.created_at, session.used_at, 0, 0)


def test_replay_skips_what_is_applied() -> None:
    live, events = journalled(9)
    session = new_session()
    assert replay(session, events[:5])
    assert session.seq == 5
    assert replay(session, events[2:])
    assert replay(session, events)
    assert snapshot.take(session) == snapshot.take(live)


def test_replay_stops_at_a_gap() -> None:
    _, events = journalled(9)
    session = new_session()
    assert not replay(session, events[:4] + events[5:])
    assert session.seq == 4


def test_without_a_snapshot_a_session_is_restored_as_created() -> None:
    live, events = journalled(5)
    session, saved = restored(StoredSession(head(live), None, {}, events))
    assert session.seq == 1
    assert saved is NOTHING_PERSISTED
    assert replay(session, events)
    assert snapshot.take(session) == snapshot.take(live)


def test_a_session_is_restored_as_of_its_snapshot() -> None:
    live, _ = journalled(9)
    taken = snapshot_of(7, live, b"line", NOTHING_PERSISTED)()
    memories = {row.id: row.payload for row in taken.memories}
    turn = play(live, message=said("one more question"), response=said("one more answer"))
    later = ((live.seq, encode_event(turn)),)
    session, saved = restored(
        StoredSession(head(live), (taken.seq, taken.payload), memories, later)
    )
    assert (session.seq, saved.seq, saved.memory_id) == (live.seq - 1, live.seq - 1, max(memories))
    assert replay(session, later)
    assert snapshot.take(session) == snapshot.take(live)
    assert session.next_id == saved.memory_id + 2


def test_a_snapshot_brings_the_memories_that_have_no_row() -> None:
    live, _ = journalled(9)
    saved = PersistedState(1, 5, NOTHING_PERSISTED.pieces, 1)
    assert [row.id for row in snapshot_of(7, live, b"line", saved)().memories] == [6, 7, 8]


def test_an_append_says_what_the_session_will_count_and_archive() -> None:
    session = new_session(long_term=1)
    list(talk(session, 90))
    play(session, response=said("what waits has its answer"))
    for remark in ("a remark about zebras", "A remark about zebras!"):
        turn = decided(session, now=session.used_at + 1.0, response=said(remark))
        append, seq = append_of(7, session, b"line", turn), session.seq
        session.apply(turn)
        assert (append.seq, append.last_seq, append.used_at) == (seq, session.seq, turn.at)
        assert append.total_memories == session.total_memories
        assert append.interaction_count == session.state.interaction_count
        gone = [move.memory_id for move in turn.moves if move.tier is MemoryTier.ARCHIVE]
        assert [each.row.id for each in append.archived] == gone
        assert all({"number", "answer"} <= set(each.terms) for each in append.archived)


def test_the_archive_keeps_the_accesses_of_the_event_that_fills_it() -> None:
    session = new_session(long_term=1)
    for number in range(16 + 64 + 1):
        play(session, response=said(f"remark {number}"))
    turn = decided(
        session,
        now=1e9,
        response=said("one more"),
        accessed=[Access(each, 5, 5e8) for each in session.memories.tier_ids[MemoryTier.LONG_TERM]],
    )
    (archived,) = append_of(7, session, b"line", turn).archived
    record = decode_memory(archived.row.payload)
    assert (record.access_count, record.last_access) == (5, 5e8)
