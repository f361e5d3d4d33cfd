"""A session as a sequential object: what each request answers, and what it leaves."""

from dataclasses import dataclass
from typing import NamedTuple

from semvec.session.events import join_pair
from semvec.session.text_normalise import content_hash
from tests.histories import Operation


@dataclass(frozen=True, slots=True)
class Call:
    """A request about one session. `text` is what it says, or the hash that it looks for; `entity`
    is a key of the literal cache. `key` is an Idempotency-Key."""

    kind: str
    text: str = ""
    entity: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """`value` is the part of the answer that the model knows."""

    status: int
    value: object = None


class Contents(NamedTuple):
    """What a session holds."""

    interactions: int = 0
    memories: int = 0
    triggers: int = 0
    anchors: int = 0
    pending: str | None = None
    learnt: frozenset[str] = frozenset()
    entities: frozenset[tuple[str, str]] = frozenset()

    def learn(self, text: str, pending: str | None, *, injected: bool = False) -> "Contents":
        return self._replace(
            interactions=self.interactions + (not injected),
            memories=self.memories + 1,
            pending=pending,
            learnt=self.learnt | {content_hash(text)},
        )


class State(NamedTuple):
    """`session` is None where there is none; `kept` are the answers to requests with a key, None
    where they went with their session."""

    session: Contents | None = None
    kept: frozenset[tuple[str, Result | None]] = frozenset()


MISSING = Result(404)


def step(state: State, operation: Operation[Call]) -> State | None:
    result, after = carried_out(state, operation.call)
    return after if not operation.known or operation.result == result else None


def carried_out(state: State, call: Call) -> tuple[Result, State]:
    """Once for each key."""
    kept = dict(state.kept)
    if call.key in kept:
        return kept[call.key] or MISSING, state
    result, session = applied(state.session, call)
    if call.kind == "delete" and result.status == 200:
        return result, State(session, frozenset((key, None) for key in kept))
    if call.key is not None and result.status < 400:
        return result, State(session, state.kept | {(call.key, result)})
    return result, state._replace(session=session)


def applied(session: Contents | None, call: Call) -> tuple[Result, Contents | None]:
    if call.kind == "create":
        return Result(200, session is None), session or Contents()
    if call.kind == "remove":  # an entity that is not there is like one without a session
        return removed(session, call.entity)
    if session is None:
        return MISSING, None
    match call.kind:
        case "delete":
            return Result(200), None
        case "store":
            text = join_pair(session.pending, call.text)
            return Result(200, content_hash(text)), session.learn(text, None)
        case "run":
            text = join_pair(session.pending, call.text)
            return Result(200, True), session.learn(text, f"After {call.text}?")
        case "inject":
            session = session.learn(call.text, session.pending, injected=True)
            return Result(200, session.memories), session
        case "trigger":
            session = session._replace(triggers=session.triggers + 1)
            return Result(200, session.triggers), session
        case "clear":
            return Result(200, 0), session._replace(triggers=0)
        case "anchor":
            session = session._replace(anchors=session.anchors + 1)
            return Result(200, session.anchors), session
        case "put":
            others = {(key, value) for key, value in session.entities if key != call.entity}
            session = session._replace(entities=frozenset({*others, (call.entity, call.text)}))
            return Result(201, len(session.entities)), session
        case _:
            return looked_at(session, call), session


def removed(session: Contents | None, entity: str) -> tuple[Result, Contents | None]:
    if session is None or entity not in dict(session.entities):
        return Result(200, False), session
    left = frozenset((key, value) for key, value in session.entities if key != entity)
    return Result(200, True), session._replace(entities=left)


def looked_at(session: Contents, call: Call) -> Result:
    match call.kind:
        case "metrics":
            return Result(200, (session.interactions, session.memories))
        case "anchors":
            return Result(200, session.anchors)
        case "entities":
            return Result(200, session.entities)
        case "recall":
            return Result(200, session.learnt)
        case "memory":
            return Result(200) if call.text in session.learnt else MISSING
    raise AssertionError(call.kind)
