"""The cache of sessions in this process."""

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.cache.change_result import ChangeResult, StateMove
from semvec.cache.session_cache import SessionCache, session_not_found
from semvec.cache.vector_scorer import VectorScorer

__all__ = [
    "CachedSession",
    "ChangeResult",
    "SessionCache",
    "SessionName",
    "StateMove",
    "VectorScorer",
    "session_not_found",
]
