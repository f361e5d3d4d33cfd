"""Transfers, trust, users."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transferred:
    """How far the target's state has moved towards the source's."""

    source_session_id: str
    """The session whose state was passed on."""
    target_session_id: str
    """The session whose state has moved."""
    delta_norm: float
    """How far the target's state has moved; 0 where the source is not trusted at all."""


@dataclass(frozen=True, slots=True)
class Switched:
    """For whom sessions are made now."""

    active_user: str
    """The user whose sessions are made from now on."""
    previous_user: str
    """The user who was active before."""


@dataclass(frozen=True, slots=True)
class ActiveUser:
    """For whom sessions are made."""

    active_user: str
    """The user whose sessions are made now; `default` until the first switch."""


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session of a user."""

    session_id: str
    """The session."""
    dimension: int | None
    """Length of its vectors."""
    created_at: float
    """When it was made, in seconds since 1970."""
    last_used_at: float
    """When it was last used, in seconds since 1970."""
    interaction_count: int
    """Updates of its state."""
    total_memories: int
    """Its memories, archived ones included."""
    trust: float
    """From 0 to 1: how far the session is trusted in votes and transfers."""


@dataclass(frozen=True, slots=True)
class UserState:
    """A user's sessions, and when the user was active."""

    active: bool
    """Whether sessions are made for this user now."""
    created_at: float | None
    """When the user was first switched to, in seconds since 1970; null for `default` before any
    switch."""
    saved_at: float | None
    """When the user was last switched away from, in seconds since 1970; null where that never
    was."""
    session_count: int
    """All of the user's sessions, also those that are not listed."""
    sessions: list[UserSession]
    """The sessions that were used last, at most 10,000."""


@dataclass(frozen=True, slots=True)
class SerializedUser:
    """What a user has."""

    user_id: str
    """The user whose sessions these are."""
    state: UserState
    """The user's sessions, and when the user was active."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """What a vote came to."""

    accepted: bool
    """Whether at least two thirds of the trust were for it."""
    trust_scores: dict[str, float]
    """Trust in each session that has voted, from 0 to 1, with this outcome counted."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far the sessions that were used last are trusted."""

    trust_scores: dict[str, float]
    """Trust in each session, from 0 to 1, for the 1,000 sessions that were used last."""
