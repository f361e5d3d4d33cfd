"""What went wrong in the caller's terms, with the status that tells it, or in the operator's."""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypedDict

MAX_ERROR_CHARS = 1000
"""Characters of what a caller is told; it may quote something as large as a body."""


class FieldFault(TypedDict):
    """One thing wrong with one field of a request."""

    loc: Sequence[str | int]
    msg: str
    type: str


class StartError(Exception):
    """The server cannot start; the text says why."""


class SemvecError(Exception):
    """Base of every error a caller can cause or should hear about."""

    status: ClassVar[int] = 500

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = (
            detail if len(detail) <= MAX_ERROR_CHARS else f"{detail[:MAX_ERROR_CHARS]} […]"
        )

    @property
    def logged(self) -> str:
        """What the log says of it, which holds nothing that a tenant has written."""
        return self.detail


class Malformed(SemvecError):
    """The request cannot be read at all."""

    status = 400


class Unauthorized(SemvecError):
    """No licence token, or one that cannot be trusted."""

    status = 401


class LicenseExpired(SemvecError):
    """A genuine licence token whose time is over."""

    status = 402


class NotFound(SemvecError):
    """It does not exist, or belongs to somebody else."""

    status = 404


class TooSlow(SemvecError):
    """The request does not arrive."""

    status = 408


class Conflict(SemvecError):
    """The state of things does not allow this."""

    status = 409


class StillRunning(Conflict):
    """The same request is being carried out; `retry_after` seconds from now there may be an
    answer."""

    retry_after: ClassVar[int] = 1


class TooLarge(SemvecError):
    """The body is over the limit."""

    status = 413


class UnsupportedCoding(SemvecError):
    """The body is compressed in a way that the server does not read."""

    status = 415


class Invalid(SemvecError):
    """A field is missing, of the wrong kind or out of range."""

    status = 422

    def __init__(self, *faults: FieldFault) -> None:
        super().__init__("; ".join(fault["msg"] for fault in faults))
        self.faults = faults

    @classmethod
    def field(
        cls, name: str, msg: str, kind: str = "value_error", *, place: int | None = None
    ) -> "Invalid":
        """One field of a body; `place` is that of an item of its list."""
        inner = [] if place is None else [place]
        return cls({"loc": ["body", name, *inner], "msg": msg, "type": kind})


class TooManyRequests(SemvecError):
    """Over a limit; `retry_after` seconds from now there is room for one more."""

    status = 429

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(TooManyRequests):
    """Too much work of all callers together waits; nothing has failed."""

    status = 503


class NotConfigured(SemvecError):
    """The operator has not set what this needs."""

    status = 503


ChangeOutcome = Literal["unknown", "not_written"]
"""What is known of a change that was refused: "not_written" only where that is sure."""


class Unavailable(SemvecError):
    """The server cannot do this now; the same request may succeed later.

    `reason` is for the log and `str` alone: drivers name hosts, files and statements. `outcome` is
    None where no change was asked for, or it is not decided here.
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
    """What storage holds of a session cannot be read, and will not be before somebody mends it.

    `reason` is for the log and for operators; it quotes nothing out of the session.
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
