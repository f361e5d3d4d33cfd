"""What stops a store from opening, or from writing."""


class StoreError(Exception):
    """The database cannot be used; the text says what is wrong, where, and what to do."""


class Misplaced(OSError):
    """The file of a SQLite database is not the one at its path; the text names no path.

    `may_be_written` is False where that was seen before the commit.
    """

    may_be_written = True


class LogLost(Misplaced):
    """The log or the index beside the file is not the one that connections have open: all of them
    have to be closed before another is opened."""
