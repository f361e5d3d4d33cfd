"""What control operations refuse, and what they leave."""

import pytest

from semvec.errors import Conflict, Invalid
from semvec.session import edits
from semvec.session.edits import MOST_ANCHORS, MOST_ENTITIES, MOST_TRIGGERS, RELEASED
from semvec.session.events import (
    EntityKind,
    IsolationLevel,
    MemoryTier,
    Profile,
    SessionCreated,
    StoredPolicyVector,
)
from semvec.session.session import Session
from semvec.session.tiers import MEDIUM_TERM, SHORT_TERM
from semvec.vectors import codes
from tests.session.conversations import DIMENSION, new_session, unit
from tests.session.journals import (
    Input,
    anchor,
    entity,
    injection,
    isolation,
    no_entity,
    perform,
    release,
    trigger,
    turn,
)


@pytest.mark.parametrize("keyword", [None, "", "  \n"])
def test_a_trigger_that_nothing_fires_is_refused(keyword: str | None) -> None:
    with pytest.raises(Invalid, match="needs a keyword or an embedding"):
        trigger(keyword, None)(new_session())
    perform(session := new_session(), trigger(keyword, 1))
    assert [each.keyword for each in session.triggers] == [None]


def test_a_keyword_without_a_word_is_refused() -> None:
    with pytest.raises(Invalid, match="holds no word"):
        trigger("?!", 1)(new_session())


def test_triggers_are_capped() -> None:
    session = new_session()
    for number in range(MOST_TRIGGERS):
        perform(session, trigger(f"word{number}", None))
    with pytest.raises(Conflict, match="256 triggers"):
        trigger("one more", None)(session)
    perform(session, edits.plan_no_triggers)
    perform(session, trigger("room again", None))
    assert len(session.triggers) == 1


def test_anchors_and_policy_vectors_are_capped_together() -> None:
    policies = tuple(StoredPolicyVector(unit(seed).tobytes()) for seed in range(MOST_ANCHORS - 1))
    session = Session(SessionCreated(0.0, Profile(DIMENSION, None, 10, policies=policies)))
    perform(session, anchor(1))
    with pytest.raises(Conflict, match="256 anchors and policy vectors"):
        anchor(2)(session)


def test_entities_are_capped_but_a_known_key_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ENTITIES == 10_000
    monkeypatch.setattr(edits, "MOST_ENTITIES", 2)
    session = new_session()
    for key in "ab":
        perform(session, entity(key, EntityKind.PATH, "value"))
    with pytest.raises(Conflict, match="2 entities"):
        entity("c", EntityKind.PATH, "value")(session)
    perform(session, entity("a", EntityKind.TYPE, "other"))
    perform(session, no_entity("b"))
    perform(session, entity("c", EntityKind.PATH, "value"))
    assert [each.key for each in reversed(session.literals)] == ["c", "a"]


def test_the_bytes_of_a_cache_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "MOST_ENTITY_BYTES", 100)
    session = new_session()
    perform(session, entity("a", EntityKind.PATH, "é" * 40))
    with pytest.raises(Conflict, match="101 bytes"):
        entity("b", EntityKind.PATH, "x" * 19)(session)
    perform(session, entity("b", EntityKind.PATH, "x" * 18))
    perform(session, entity("a", EntityKind.PATH, "y" * 80))  # in the place of as many


def test_deleting_what_is_not_there_does_nothing() -> None:
    plan = no_entity("a")(new_session())
    assert (plan.added, plan.removed) == ((), ())


@pytest.mark.parametrize(
    "tier", [MemoryTier.SHORT_TERM, MemoryTier.MEDIUM_TERM, MemoryTier.LONG_TERM]
)
def test_a_memory_enters_the_tier_that_is_named(tier: MemoryTier) -> None:
    session = new_session()
    perform(session, injection("Oslo.", 1, tier, 7))
    record = session.memories.record(1)
    assert session.memories.tier(1) is tier
    assert (record.text, record.importance, record.access_count) == ("Oslo.", 0.25, 7)
    assert record.vector == codes(unit(1))
    assert (session.state.interaction_count, session.drift.levels.inputs) == (0, 0)
    assert (session.total_memories, len(session.quarantine)) == (1, 0)


def test_an_injection_leaves_the_question_that_waits() -> None:
    session = new_session()
    perform(session, turn(Input("Where?", 1), None, False))
    perform(session, injection("Oslo.", 2, MemoryTier.SHORT_TERM, 0))
    perform(session, turn(None, Input("There.", 3), False))
    assert session.memories.record(2).text == "Where?\nThere."


def test_what_is_injected_twice_is_one_memory() -> None:
    session = new_session()
    for text in ("Oslo.", "Oslo"):
        perform(session, injection(text, 1, MemoryTier.LONG_TERM, 2))
    assert session.total_memories == 1
    record = session.memories.record(1)
    assert record.access_count == 3
    assert record.importance == pytest.approx(0.35)


@pytest.mark.parametrize(
    "tier", [MemoryTier.SHORT_TERM, MemoryTier.MEDIUM_TERM, MemoryTier.LONG_TERM]
)
@pytest.mark.parametrize("long_term", [1, 2, 50])
def test_tiers_keep_their_size_while_memories_pour_in(tier: MemoryTier, long_term: int) -> None:
    session = new_session(long_term=long_term)
    perform(session, isolation(IsolationLevel.LOCKDOWN, [], []))
    for number in range(150):
        perform(session, injection(f"memory {number}", number, tier, 0))
    assert len(session.quarantine) == 150
    while len(session.quarantine):
        before = len(session.quarantine)
        perform(session, release())
        assert before - len(session.quarantine) == min(before, RELEASED, long_term)
        assert sizes_hold(session)
    perform(session, isolation(IsolationLevel.OPEN, [], []))
    for number in range(150, 300):
        perform(session, injection(f"memory {number}", number, tier, 0))
        assert sizes_hold(session)
    assert session.total_memories == 300


def sizes_hold(session: Session) -> bool:
    limits = SHORT_TERM, MEDIUM_TERM, session.profile.long_term
    held = session.memories.tier_ids.values()
    return all(len(ids) <= limit for ids, limit in zip(held, limits, strict=True))
