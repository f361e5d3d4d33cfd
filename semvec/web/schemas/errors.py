"""The two shapes of an error's body."""

from collections.abc import Sequence
from dataclasses import dataclass

from semvec.errors import Outcome


@dataclass(frozen=True, slots=True)
class FieldError:
    """`loc` leads to the field: where it stands (body, query, path), then names and indices."""

    loc: Sequence[str | int]
    msg: str
    type: str


@dataclass(frozen=True, slots=True)
class Error:
    detail: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """The body of a 503 to a request that changes something. Its `outcome` is "not_written" where
    nothing of the request was carried out, "unknown" where it may have been: sent again with the
    same Idempotency-Key, it is not carried out twice."""

    detail: str
    request_id: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ValidationError:
    """The body of a 422."""

    detail: list[FieldError]
    request_id: str | None = None
