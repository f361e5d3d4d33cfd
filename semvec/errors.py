"""Errors: those of callers, with their HTTP status, and those of operators."""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypedDict

MAX_ERROR_CHARS = 1000
"""Characters of an error message to a caller, which may quote large input."""


class FieldFault(TypedDict):
    """One fault of one field of a request."""

    loc: Sequence[str | int]
    msg: str
    type: str


class StartError(Exception):
    """The server cannot start; the message says why."""


class SemvecError(Exception):
    """Base of all errors that are reported to a caller."""

    status: ClassVar[int] = 500

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = (
            detail if len(detail) <= MAX_ERROR_CHARS else f"{detail[:MAX_ERROR_CHARS]} […]"
        )

    @property
    def logged(self) -> str:
        """The message for the log, which contains nothing that a tenant has written."""
        return self.detail


class Malformed(SemvecError):
    """The request cannot be parsed."""

    status = 400


class Unauthorized(SemvecError):
    """The licence token is missing or not valid."""

    status = 401


class LicenseExpired(SemvecError):
    """The licence token is valid but has expired."""

    status = 402


class NotFound(SemvecError):
    """The resource does not exist or belongs to another subject."""

    status = 404


class TooSlow(SemvecError):
    """The request does not arrive in time."""

    status = 408


class Conflict(SemvecError):
    """The current state does not allow the request."""

    status = 409


class StillRunning(Conflict):
    """The same request is being processed; retry after `retry_after` seconds."""

    retry_after: ClassVar[int] = 1


class TooLarge(SemvecError):
    """The body is over the limit."""

    status = 413


class UnsupportedCoding(SemvecError):
    """The body has a content coding that is not supported."""

    status = 415


class Invalid(SemvecError):
    """A field is missing, of the wrong type or out of range."""

    status = 422

    def __init__(self, *faults: FieldFault) -> None:
        super().__init__("; ".join(fault["msg"] for fault in faults))
        self.faults = faults

    @classmethod
    def field(
        cls, name: str, msg: str, kind: str = "value_error", *, place: int | None = None
    ) -> "Invalid":
        """Create an error about one field of a body; `place` is the index of an item in its
        list."""
        inner = [] if place is None else [place]
        return cls({"loc": ["body", name, *inner], "msg": msg, "type": kind})


class TooManyRequests(SemvecError):
    """A rate limit is exceeded; retry after `retry_after` seconds."""

    status = 429

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(TooManyRequests):
    """Too much work is queued, for all callers together; nothing has failed."""

    status = 503


class NotConfigured(SemvecError):
    """A setting that the request needs is missing."""

    status = 503


ChangeOutcome = Literal["unknown", "not_written"]
"""Outcome of a failed change: "not_written" only if that is certain."""


class Unavailable(SemvecError):
    """The server cannot process this now; the same request may succeed later.

    `reason` goes only into the log and `str`, as drivers name hosts, files and statements.
    `outcome` is None if no change was requested or it is decided elsewhere.
    """

    status = 503

    def __init__(
        self,
        detail: str,
        retry_after: int = 1,
        *,
        reason: str = "",
        outcome: ChangeOutcome | None = None,
    ) -> None:
        super().__init__(detail)
        self.retry_after, self.reason, self.outcome = retry_after, reason, outcome

    def __str__(self) -> str:
        return f"{self.detail}: {self.reason}" if self.reason else self.detail


class Damaged(SemvecError):
    """The stored session is damaged and cannot be read until it is repaired.

    `reason` is for the log and for operators; it quotes no contents of the session.
    """

    status = 500

    def __init__(self, session_id: str, key: int, reason: str) -> None:
        super().__init__(
            f"session {session_id!r} cannot be read: what is stored of it is damaged; the operator "
            "of this server can find out more with `semvec database check`"
        )
        self.key, self.reason = key, reason

    @property
    def logged(self) -> str:
        return f"session {self.key} cannot be read: {self.reason}"
