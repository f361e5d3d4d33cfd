"""Isolation over scripted dialogues: what is learnt, held and dropped at each level."""

import pytest

from semvec.errors import Conflict
from semvec.session import isolation_filter
from semvec.session.events import IsolationLevel, MemoryTier
from semvec.session.query import EncodedQuery
from semvec.session.search import Search
from semvec.session.session import Session
from tests.session.conversations import new_session, said, unit
from tests.session.journals import (
    Input,
    Operation,
    injection,
    isolation,
    perform,
    release,
    turn,
)

SUSPECT, ALLOWED, NEUTRAL, OTHER = range(4)
"""Seeds of four vectors that are far from each other."""
HOLDING = [IsolationLevel.QUARANTINE, IsolationLevel.LOCKDOWN]


def isolated(level: IsolationLevel) -> Session:
    session = new_session()
    perform(session, isolation(level, [SUSPECT], [ALLOWED]))
    return session


def says(
    message: tuple[str, int] | None = None,
    response: tuple[str, int] | None = None,
    *,
    reset: bool = False,
) -> Operation:
    asked, answer = (None if each is None else Input(*each) for each in (message, response))
    return turn(asked, answer, reset)


def memories(session: Session) -> list[str]:
    """In order of learning."""
    return [record.text for record in session.memories.records_after(0)]


def held(session: Session) -> list[str]:
    return [item.text for item in session.quarantine.items.values()]


def pending(session: Session) -> str | None:
    return None if session.open_question is None else session.open_question.text


@pytest.mark.parametrize(
    ("level", "learnt", "aside", "waiting"),
    [
        (IsolationLevel.OPEN, ["good\nfine", "bad", "worse"], [], "ok"),
        (IsolationLevel.FILTER, ["good\nfine"], [], "ok"),
        (IsolationLevel.QUARANTINE, ["good\nfine"], ["bad", "worse"], "ok"),
        (IsolationLevel.LOCKDOWN, ["good\nfine"], ["bad", "worse"], "ok"),
    ],
)
def test_a_dialogue_at_each_level(
    level: IsolationLevel, learnt: list[str], aside: list[str], waiting: str
) -> None:
    session = isolated(level)
    assert perform(session, says(("good", ALLOWED))).withheld_by is None
    bad = perform(session, says(("bad", SUSPECT), ("fine", ALLOWED)))
    worse = perform(session, says(("ok", ALLOWED), ("worse", SUSPECT), reset=True))
    kept_by = None if level is IsolationLevel.OPEN else level
    assert (bad.withheld_by, worse.withheld_by) == (kept_by, kept_by)
    assert (memories(session), held(session), pending(session)) == (learnt, aside, waiting)
    assert session.state.interaction_count == len(learnt)


def test_lockdown_learns_what_is_allowed_and_filter_what_is_not_suspect() -> None:
    for level, expected in ((IsolationLevel.LOCKDOWN, ["a"]), (IsolationLevel.FILTER, ["a", "n"])):
        session = isolated(level)
        for response in (("a", ALLOWED), ("n", NEUTRAL), ("s", SUSPECT)):
            perform(session, says(response=response))
        assert memories(session) == expected


@pytest.mark.parametrize("level", HOLDING)
def test_a_pair_is_held_if_either_half_is_suspect(level: IsolationLevel) -> None:
    session = isolated(level)
    perform(session, says(("clean question", ALLOWED)))
    assert perform(session, says(None, ("bad answer", SUSPECT))).withheld_by is level
    perform(session, says(("bad question", SUSPECT)))
    assert held(session) == ["clean question\nbad answer", "bad question"]
    assert perform(session, says(None, ("clean answer", ALLOWED))).withheld_by is level
    assert held(session) == ["clean question\nbad answer", "bad question\nclean answer"]
    assert (memories(session), pending(session)) == ([], None)
    first, last = session.quarantine.items.values()
    assert (first.question, first.response) == ("clean question", "bad answer")
    assert last.question_vector is not None


def test_what_is_dropped_takes_nothing_clean_along() -> None:
    session = isolated(IsolationLevel.FILTER)
    perform(session, says(("clean question", NEUTRAL)))
    assert (
        perform(session, says(None, ("bad answer", SUSPECT))).withheld_by is IsolationLevel.FILTER
    )
    perform(session, says(("bad question", SUSPECT)))
    assert perform(session, says(None, ("clean answer", NEUTRAL))).withheld_by is None
    assert memories(session) == ["clean question", "clean answer"]
    assert (held(session), pending(session)) == ([], None)


def test_what_is_dropped_leaves_no_words() -> None:
    session = isolated(IsolationLevel.FILTER)
    operation = says(("secret one", SUSPECT), ("secret two", SUSPECT))
    assert [each.text for each in perform(session, operation).heard] == ["", ""]


@pytest.mark.parametrize("level", HOLDING)
def test_a_held_question_that_is_never_answered_is_held_alone(level: IsolationLevel) -> None:
    session = isolated(level)
    perform(session, says(("bad", SUSPECT)))
    perform(session, says(("clean", ALLOWED)))
    perform(session, says(None, ("answer", ALLOWED)))
    assert (held(session), memories(session)) == (["bad"], ["clean\nanswer"])


def test_after_a_reset_an_answer_stands_alone() -> None:
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, says(("bad", SUSPECT)))
    perform(session, says(("next", NEUTRAL), ("clean answer", NEUTRAL), reset=True))
    assert (held(session), memories(session)) == (["bad"], ["clean answer"])


def test_the_level_of_the_moment_decides_about_an_answer() -> None:
    for level, expected in (
        (IsolationLevel.OPEN, (["bad"], ["answer"])),
        (IsolationLevel.FILTER, (["bad"], ["answer"])),
        (IsolationLevel.QUARANTINE, (["bad\nanswer"], [])),
    ):
        session = isolated(IsolationLevel.QUARANTINE)
        perform(session, says(("bad", SUSPECT)))
        perform(session, isolation(level, [SUSPECT], []))
        perform(session, says(None, ("answer", NEUTRAL)))
        assert (held(session), memories(session)) == expected


@pytest.mark.parametrize("level", [IsolationLevel.FILTER, *HOLDING])
def test_a_question_that_waits_is_checked_when_it_would_be_learnt(level: IsolationLevel) -> None:
    session = isolated(IsolationLevel.OPEN)
    perform(session, says(("bad", SUSPECT)))
    assert pending(session) == "bad"
    perform(session, isolation(level, [SUSPECT], []))
    assert pending(session) is None
    perform(session, says(("next", NEUTRAL)))
    assert memories(session) == []
    assert held(session)[:1] == ([] if level is IsolationLevel.FILTER else ["bad"])


def test_nothing_withheld_is_recalled_before_its_release_and_then_in_order() -> None:
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, says(("bad question", SUSPECT)))
    perform(session, injection("bad injection", SUSPECT, MemoryTier.LONG_TERM, 2))
    perform(session, says(("clean", NEUTRAL), ("bad answer", OTHER)))
    perform(session, says(None, ("clean too", NEUTRAL)))
    query = EncodedQuery("bad", said("x").vector)

    def recalled() -> set[str]:
        cosines = session.memories.cosines(query.vector[None])[0]
        return {each.text for each in Search(session, query, cosines, session.used_at).best(9)}

    assert recalled() == {"clean\nclean too"}
    before = session.state.interaction_count
    perform(session, release())
    assert memories(session) == ["clean\nclean too", "bad injection", "bad question\nbad answer"]
    assert recalled() == set(memories(session))
    assert held(session) == []
    assert session.state.interaction_count == before + 1  # the injection is no update
    injected = session.memories.record(2)
    assert (injected.access_count, session.memories.tier(2)) == (2, MemoryTier.LONG_TERM)


def test_a_question_released_alone_waits_no_longer() -> None:
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, says(("bad", SUSPECT)))
    perform(session, release())
    assert (memories(session), session.pending) == (["bad"], None)
    perform(session, says(None, ("clean", NEUTRAL)))
    assert memories(session) == ["bad", "clean"]


def test_what_is_released_and_known_reinforces() -> None:
    session = new_session()
    perform(session, says(response=("The same.", NEUTRAL)))
    perform(session, isolation(IsolationLevel.QUARANTINE, [SUSPECT], []))
    for text in ("The same", "The\n same!", "new", "new."):
        perform(session, says(response=(text, SUSPECT)))
    perform(session, release())
    assert memories(session) == ["The same.", "new"]
    assert session.memories.record(1).access_count == 2
    assert session.state.interaction_count == 5


def test_drift_hears_what_is_withheld() -> None:
    alone, guarded = new_session(), isolated(IsolationLevel.LOCKDOWN)
    for seed in (NEUTRAL, NEUTRAL, SUSPECT, OTHER, NEUTRAL):
        for session in (alone, guarded):
            perform(session, says(("m", seed), ("r", seed)))
    assert guarded.drift.phase == alone.drift.phase
    assert guarded.drift.rows.tobytes() == alone.drift.rows.tobytes()
    assert guarded.drift.levels == alone.drift.levels


@pytest.mark.parametrize("level", [IsolationLevel.FILTER, IsolationLevel.QUARANTINE])
def test_an_injection_passes_isolation(level: IsolationLevel) -> None:
    session = isolated(level)
    plan = perform(session, injection("bad", SUSPECT, MemoryTier.SHORT_TERM, 0))
    assert plan.withheld_by is level
    perform(session, injection("clean", NEUTRAL, MemoryTier.MEDIUM_TERM, 3))
    assert memories(session) == ["clean"]
    assert held(session) == ([] if level is IsolationLevel.FILTER else ["bad"])
    assert session.memories.tier(1) is MemoryTier.MEDIUM_TERM
    assert (session.state.interaction_count, session.drift.levels.inputs) == (0, 0)


def test_a_full_quarantine_refuses_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation_filter, "MAX_QUARANTINED", 3)
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, says(("1", SUSPECT)))
    perform(session, says(("2", SUSPECT), ("answer of 1", NEUTRAL)))
    two_more = says(("3", SUSPECT), ("4", SUSPECT), reset=True)
    with pytest.raises(Conflict, match="2 items are held"):
        two_more(session)
    perform(session, says(("3", SUSPECT)))
    for operation in (says(("4", SUSPECT)), injection("4", SUSPECT, MemoryTier.SHORT_TERM, 0)):
        with pytest.raises(Conflict, match=r"3 items are held.*release them"):
            operation(session)
    perform(session, says(None, ("answer of 3", SUSPECT)))  # joins what is there
    assert held(session) == ["1\nanswer of 1", "2", "3\nanswer of 3"]
    perform(session, release())
    perform(session, says(("4", SUSPECT)))


def test_held_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation_filter, "MAX_QUARANTINED_BYTES", 10)
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, says(response=("12345678", SUSPECT)))
    with pytest.raises(Conflict, match="8 bytes of text"):
        perform(session, says(response=("123", SUSPECT)))
    perform(session, says(response=("12", SUSPECT)))


def test_an_allowed_twin_outweighs_an_exclusion() -> None:
    session = new_session()
    perform(session, isolation(IsolationLevel.QUARANTINE, [SUSPECT], [SUSPECT]))
    perform(session, says(response=("same in both", SUSPECT)))
    assert memories(session) == ["same in both"]


def test_lists_are_replaced_and_empty_ones_let_all_or_nothing_through() -> None:
    session = isolated(IsolationLevel.QUARANTINE)
    perform(session, isolation(IsolationLevel.QUARANTINE, [], []))
    perform(session, says(response=("was suspect", SUSPECT)))
    assert memories(session) == ["was suspect"]
    perform(session, isolation(IsolationLevel.LOCKDOWN, [], [], -1.0))
    perform(session, says(response=("anything", NEUTRAL)))
    assert held(session) == ["anything"]


def test_a_threshold_of_one_takes_the_vector_itself() -> None:
    for seed in range(20):
        session = new_session()
        perform(session, isolation(IsolationLevel.FILTER, [seed], [], 1.0))
        assert session.guard.withholds(unit(seed))
