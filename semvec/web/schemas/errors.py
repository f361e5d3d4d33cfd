"""The two shapes of an error's body."""

from collections.abc import Sequence
from dataclasses import dataclass

from semvec.errors import ChangeOutcome


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a field."""

    loc: Sequence[str | int]
    """Where the field is: body, query, path or header, then names and indices."""
    msg: str
    """What is wrong, in words."""
    type: str
    """What kind of fault it is, for programs."""


@dataclass(frozen=True, slots=True)
class Error:
    """What went wrong."""

    detail: str
    """What went wrong, in words."""
    request_id: str | None = None
    """The `X-Request-ID` of the answer, which the log has too."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The body of a 503 to a request that changes something. Its `outcome` is "not_written" where
    nothing of the request was carried out, "unknown" where it may have been: sent again with the
    same Idempotency-Key, it is not carried out twice."""

    detail: str
    """What went wrong, in words."""
    request_id: str | None
    """The `X-Request-ID` of the answer, which the log has too."""
    outcome: ChangeOutcome
    """What became of the request: `not_written` or `unknown`."""


@dataclass(frozen=True, slots=True)
class ValidationError:
    """What is wrong with the fields of a request."""

    detail: list[FieldError]
    """Each thing that is wrong."""
    request_id: str | None = None
    """The `X-Request-ID` of the answer, which the log has too."""
