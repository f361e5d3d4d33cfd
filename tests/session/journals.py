"""Scripts of everything that can happen to a session, and the journals they leave."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st
from msgspec.structs import replace

from semvec.errors import Conflict, Invalid
from semvec.session import snapshot
from semvec.session.consolidation import due
from semvec.session.edits import (
    plan_anchor,
    plan_entity,
    plan_injection,
    plan_isolation,
    plan_no_entity,
    plan_no_triggers,
    plan_release,
    plan_trigger,
)
from semvec.session.events import (
    Access,
    Component,
    EntityKind,
    IsolationLevel,
    MemoryRecord,
    MemoryTier,
    Profile,
    SessionCreated,
    SessionEvent,
    StoredPolicyVector,
    Use,
    decode_event,
    decode_memory,
    decode_piece,
    encode_event,
    encode_memory,
    encode_piece,
)
from semvec.session.head_state import head_state_after, plan_move, plan_update
from semvec.session.plan import Plan, rows
from semvec.session.session import Session
from semvec.session.turn import EncodedText, decide_turn, plan_exchange, plan_turn
from tests.session.conversations import DIMENSION, consolidate, unit

Operation = Callable[[Session], Plan]


@dataclass(frozen=True)
class Step:
    """An operation after a pause, the places of the memory and the entity that were found before
    it, 0 for none, and how many archived memories return with it. After it the state is moved by
    `share`, and `advised` once by the vector of that seed."""

    operation: Operation
    pause: float = 1.0
    use: int = 0
    find: int = 0
    returns: int = 0
    share: float = 0.0
    advised: int | None = None


@dataclass(frozen=True)
class Input:
    text: str
    seed: int

    @property
    def said(self) -> EncodedText:
        return EncodedText(self.text, unit(self.seed))


def turn(message: Input | None, response: Input | None, reset: bool) -> Operation:
    asked, answer = (None if each is None else each.said for each in (message, response))
    return lambda session: plan_turn(session, message=asked, response=answer, reset=reset)


def exchange(message: Input, response: Input) -> Operation:
    return lambda session: plan_exchange(session, message.said, response.said)


def trigger(keyword: str | None, seed: int | None) -> Operation:
    vector = None if seed is None else unit(seed)
    return lambda session: plan_trigger(session, keyword, vector, 0.5)


def anchor(seed: int) -> Operation:
    return lambda session: plan_anchor(session, unit(seed))


def isolation(
    level: IsolationLevel, exclusions: list[int], allowed: list[int], threshold: float = 0.9
) -> Operation:
    excluded, listed = (
        rows([unit(seed) for seed in seeds], DIMENSION) for seeds in (exclusions, allowed)
    )
    return lambda session: plan_isolation(session, level, excluded, listed, threshold)


def injection(text: str, seed: int, tier: MemoryTier, access_count: int) -> Operation:
    said = EncodedText(text, unit(seed))
    return lambda session: plan_injection(session, said, tier, 0.25, access_count)


def release() -> Operation:
    return lambda session: plan_release(session, session.next_piece)


def no_triggers() -> Operation:
    return plan_no_triggers


def entity(key: str, kind: EntityKind, value: str) -> Operation:
    return lambda session: plan_entity(session, key, kind, value, "", 0.5)


def no_entity(key: str) -> Operation:
    return lambda session: plan_no_entity(session, key)


texts = st.one_of(
    st.sampled_from(["Where is Ada?", "In Turin.", "where is ada", "Call 5 at 9:30", "Ω ok 東京"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)
near = st.integers(0, 5)
"""Seeds of the few vectors that lists, anchors and triggers have in common with inputs."""
inputs = st.builds(Input, texts, near | st.integers(6, 100_000))
keys = st.sampled_from(["a", "b/c", "MAX_RETRIES"])
turns = st.one_of(
    st.builds(turn, st.none() | inputs, st.none() | inputs, st.booleans()),
    st.builds(exchange, inputs, inputs),
)
controls = st.one_of(
    st.builds(trigger, st.none() | texts, st.none() | near),
    st.builds(anchor, near),
    st.builds(isolation, st.sampled_from(IsolationLevel), st.lists(near), st.lists(near)),
    st.builds(injection, texts, near, st.sampled_from(list(MemoryTier)[:3]), st.integers(0, 9)),
    st.builds(release),
    st.builds(no_triggers),
    st.builds(entity, keys, st.sampled_from(EntityKind), texts),
    st.builds(no_entity, keys),
)
steps = st.builds(
    Step,
    operation=turns | controls,
    pause=st.floats(0.0, 1e5),
    use=st.integers(0, 200),
    find=st.integers(0, 3),
    returns=st.integers(0, 2),
    share=st.sampled_from([0.0, 0.0, 0.25, 1.0]),
    advised=st.none() | near,
)
profiles = st.builds(
    Profile,
    dimension=st.just(DIMENSION),
    model=st.none(),
    long_term=st.sampled_from([1, 3, 4096]),
    topic_switch=st.booleans(),
    template=st.none() | st.just(unit(5).tobytes()),
    policies=st.sampled_from([(), (StoredPolicyVector(unit(2).tobytes(), 0.5, "calm"),)]),
)


def some_operation(random: Random) -> Operation:
    """One of those above, mostly turns; for scripts longer than hypothesis makes them."""
    controls: list[Operation] = [
        trigger(f"remark {random.randrange(9)}", random.randrange(6)),
        anchor(random.randrange(6)),
        isolation(
            random.choice([*IsolationLevel]), [random.randrange(6)], [random.randrange(6)], 0.2
        ),
        injection(
            f"remark {random.randrange(300)}", random.randrange(500), MemoryTier.LONG_TERM, 1
        ),
        release(),
        entity(f"key {random.randrange(9)}", EntityKind.PATH, f"value {random.randrange(9)}"),
        no_entity(f"key {random.randrange(9)}"),
        no_triggers(),
    ]
    return random.choice(controls) if random.random() < 0.3 else some_turn(random)


def some_turn(random: Random) -> Operation:
    said = [Input(f"remark {random.randrange(300)}", random.randrange(500)) for _ in range(2)]
    if random.random() < 0.1:
        return exchange(*said)
    asked, answer = (each if random.random() < 0.8 else None for each in said)
    return turn(asked, answer, random.random() < 0.1)


def played(
    profile: Profile, script: list[Step], archive: dict[int, MemoryRecord] | None = None
) -> tuple[Session, list[bytes]]:
    """A live session after a script, without what it refuses, and its journal; adds what is
    archived then to `archive`."""
    created = SessionCreated(at=1000.0, profile=profile)
    session, journal = Session(created), [encode_event(created)]
    archive = {} if archive is None else archive
    for step in script:
        with suppress(Conflict, Invalid):
            journal.append(_play(session, step, archive))
        if step.share:
            count, at = session.state.interaction_count, session.used_at
            journal.append(_applied(session, plan_move(count, 0.5 * unit(3), step.share, at)))
        if step.advised is not None:
            event = plan_update(session, unit(step.advised), session.used_at)
            journal.append(_applied(session, event))
        if due(session.memories) and (judged := consolidate(session)) is not None:
            journal.append(encode_event(judged))
    return session, journal


def _play(session: Session, step: Step, archive: dict[int, MemoryRecord]) -> bytes:
    known = list(session.memories.records_after(0))
    used = known[step.use % len(known) :][:1] if step.use and known else []
    found = list(session.literals.entries)[step.find - 1 :][:1] if step.find else []
    plan = step.operation(session)
    event = decide_turn(
        session,
        plan,
        session.memories.cosines(plan.queries),
        now=session.used_at + step.pause,
        accessed=[Access(record.id, 1, session.used_at) for record in used],
        returned=list(archive.values())[: step.returns],
        used=[Use(entry.entity.id, 2) for entry in found],
    )
    for record in event.returned:
        archive.pop(record.id)
    for move in event.moves:
        if move.tier is MemoryTier.ARCHIVE:
            archive[move.memory_id] = session.memories.record(move.memory_id)
    return _applied(session, event)


def _applied(session: Session, event: SessionEvent) -> bytes:
    """Apply an event, which leaves what was foreseen."""
    after = head_state_after(session, event)
    session.apply(event)
    assert after.mean.tobytes() == session.state.mean.tobytes()
    assert (after.phase, after.drift_phase) == (session.state.phase, session.drift.phase)
    return encode_event(event)


def perform(session: Session, operation: Operation) -> Plan:
    """Decide and apply an operation a second after the last one; what was planned."""
    plan = operation(session)
    cosines = session.memories.cosines(plan.queries)
    session.apply(decide_turn(session, plan, cosines, now=session.used_at + 1.0))
    return plan


def replayed(journal: list[bytes], session: Session | None = None) -> Session:
    events: list[SessionEvent] = [decode_event(payload) for payload in journal]
    if session is None:
        created = events.pop(0)
        assert isinstance(created, SessionCreated)
        session = Session(created)
    for event in events:
        session.apply(event)
    return session


def contents(session: Session) -> dict[int, MemoryRecord]:
    """The hot memories by id, by way of their rows."""
    return {
        record.id: decode_memory(encode_memory(record))
        for record in session.memories.records_after(0)
    }


def pieces(session: Session) -> dict[int, Component]:
    """The pieces by id, by way of their rows."""
    return {piece.id: decode_piece(encode_piece(piece)) for piece in session.pieces_from(1)}


def restored(session: Session) -> Session:
    """A copy by way of a snapshot, and of rows that do not know what has changed since."""
    written = {key: as_written_once(record) for key, record in contents(session).items()}
    return snapshot.restore(snapshot.take(session), written, pieces(session))


def as_written_once(record: MemoryRecord) -> MemoryRecord:
    return replace(record, last_access=0.0, access_count=0, importance=0.0, nearest=0.0)


def same(left: Session, right: Session) -> bool:
    return (
        snapshot.take(left) == snapshot.take(right)
        and contents(left) == contents(right)
        and pieces(left) == pieces(right)
        and piece_bytes(left) == piece_bytes(right)
    )


def piece_bytes(session: Session) -> list[int]:
    held = session.triggers, session.guard, session.quarantine, session.literals
    return [each.nbytes for each in held]
