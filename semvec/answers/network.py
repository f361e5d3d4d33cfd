"""Answers about transfers, trust and users."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transferred:
    """The result of a transfer."""

    source_session_id: str
    """The session whose state was transferred."""
    target_session_id: str
    """The session whose state has moved."""
    delta_norm: float
    """Distance that the target's state has moved; 0 if the source has no trust."""


@dataclass(frozen=True, slots=True)
class Switched:
    """The result of a switch of users."""

    active_user: str
    """The user that new sessions belong to."""
    previous_user: str
    """The previously active user."""


@dataclass(frozen=True, slots=True)
class ActiveUser:
    """The active user."""

    active_user: str
    """The user that new sessions belong to; `default` until the first switch."""


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session of a user."""

    session_id: str
    """The session."""
    dimension: int | None
    """Length of the session's vectors."""
    created_at: float
    """Time of creation, in seconds since 1970."""
    last_used_at: float
    """Time of last use, in seconds since 1970."""
    interaction_count: int
    """Number of updates of the state."""
    total_memories: int
    """Number of memories, archived ones included."""
    trust: float
    """From 0 to 1: trust in the session in votes and transfers."""


@dataclass(frozen=True, slots=True)
class UserState:
    """The sessions and the times of a user."""

    active: bool
    """Whether this is the active user."""
    created_at: float | None
    """Time of the first switch to the user, in seconds since 1970; null for `default` before any
    switch."""
    saved_at: float | None
    """Time of the last switch away from the user, in seconds since 1970; null before any."""
    session_count: int
    """Number of the user's sessions, also those not listed."""
    sessions: list[UserSession]
    """The most recently used sessions, at most 10,000."""


@dataclass(frozen=True, slots=True)
class SerializedUser:
    """A user and the user's sessions."""

    user_id: str
    """The user that the sessions belong to."""
    state: UserState
    """The sessions and the times of the user."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """The result of a vote."""

    accepted: bool
    """Whether sessions with at least two thirds of the trust voted for it."""
    trust_scores: dict[str, float]
    """Trust in each voter after the vote, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Trust in the most recently used sessions."""

    trust_scores: dict[str, float]
    """Trust in each of the 1,000 most recently used sessions, from 0 to 1."""
