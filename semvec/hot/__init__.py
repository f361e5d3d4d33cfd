"""The hot sessions of this process."""

from semvec.hot.copy import Hot, Name
from semvec.hot.scans import Scans
from semvec.hot.sessions import Changed, HotSessions, session_not_found

__all__ = ["Changed", "Hot", "HotSessions", "Name", "Scans", "session_not_found"]
