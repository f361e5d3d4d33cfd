"""The hot sessions of this process."""

from semvec.hot.changed import Changed, Steered
from semvec.hot.copy import Hot, Name
from semvec.hot.scans import Scans
from semvec.hot.sessions import HotSessions, session_not_found

__all__ = ["Changed", "Hot", "HotSessions", "Name", "Scans", "Steered", "session_not_found"]
