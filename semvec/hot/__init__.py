"""The hot sessions of this process."""

from semvec.hot.copy import Hot, Name
from semvec.hot.deciding import Changed
from semvec.hot.sessions import HotSessions, session_not_found

__all__ = ["Changed", "Hot", "HotSessions", "Name", "session_not_found"]
