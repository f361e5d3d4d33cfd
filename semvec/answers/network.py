"""Transfers, trust, users."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transferred:
    """`delta_norm` is how far the target's state has moved."""

    source_session_id: str
    target_session_id: str
    delta_norm: float


@dataclass(frozen=True, slots=True)
class Switched:
    active_user: str
    previous_user: str


@dataclass(frozen=True, slots=True)
class ActiveUser:
    active_user: str


@dataclass(frozen=True, slots=True)
class UserSession:
    session_id: str
    dimension: int | None
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    trust: float


@dataclass(frozen=True, slots=True)
class UserState:
    """`saved_at` is when the user was last switched away from; `sessions` are those used last,
    `session_count` counts all."""

    active: bool
    created_at: float | None
    saved_at: float | None
    session_count: int
    sessions: list[UserSession]


@dataclass(frozen=True, slots=True)
class SerializedUser:
    user_id: str
    state: UserState


@dataclass(frozen=True, slots=True)
class Consensus:
    accepted: bool
    trust_scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trust:
    """By session, the 1,000 used last."""

    trust_scores: dict[str, float]
