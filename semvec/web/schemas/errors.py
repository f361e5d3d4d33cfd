"""The forms of an error's body."""

from collections.abc import Sequence
from dataclasses import dataclass

from semvec.errors import ChangeOutcome


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a field."""

    loc: Sequence[str | int]
    """Location of the field: body, query, path or header, then names and indices."""
    msg: str
    """Message for people."""
    type: str
    """Kind of fault, for programs."""


@dataclass(frozen=True, slots=True)
class Error:
    """The body of an error."""

    detail: str
    """Message for people."""
    request_id: str | None = None
    """`X-Request-ID` of the answer; the server's log contains it too."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The body of a 503 answer to a mutating request. `outcome` is "not_written" if nothing of the
    request took effect, and "unknown" if it may have. A retry with the same Idempotency-Key does
    not take effect twice."""

    detail: str
    """Message for people."""
    request_id: str | None
    """`X-Request-ID` of the answer; the server's log contains it too."""
    outcome: ChangeOutcome
    """Outcome of the request: `not_written` or `unknown`."""


@dataclass(frozen=True, slots=True)
class ValidationError:
    """Faults in the fields of a request."""

    detail: list[FieldError]
    """The faults."""
    request_id: str | None = None
    """`X-Request-ID` of the answer; the server's log contains it too."""
