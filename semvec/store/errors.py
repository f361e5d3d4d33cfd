"""Errors of opening or writing a store."""


class StoreError(Exception):
    """The database cannot be used; the text says what is wrong, where, and what to do."""


class Misplaced(OSError):
    """The file of a SQLite database is not the one at its path; the text names no path.

    `may_be_written` is False if this was detected before the commit.
    """

    may_be_written = True


class LogLost(Misplaced):
    """The log or the index is not the one that connections have open: all connections have to be
    closed before another is opened."""
