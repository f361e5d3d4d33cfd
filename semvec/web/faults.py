"""What is wrong with the fields of a request, as its client reads it."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from semvec.errors import FieldFault, Invalid

MAX_ANSWERED_FAULTS = 100
"""Faults that one answer lists."""
MOST_READ = 1000
"""Faults past which none is put into words: that takes a microsecond for each."""
MAX_QUOTED_NAME = 64
"""Letters of an unknown name that are repeated, and compared with the known names."""
PLACES = {"body": "the body", "query": "the query string", "path": "the path"}


def invalid(
    error: ValidationError,
    model: type[BaseModel],
    place: str,
    elsewhere: Mapping[str, str] | None = None,
) -> Invalid:
    """The faults of one part of a request that is not what `model` says.

    `elsewhere` maps names that the operation takes to the parts of the request they belong in.
    """
    count = error.error_count()
    if count > MOST_READ:
        return Invalid(_summary(place, f"{count} fields are unknown or not valid"))
    found = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [_fault(each, model, place, elsewhere or {}) for each in found[:MAX_ANSWERED_FAULTS]]
    if count > MAX_ANSWERED_FAULTS:
        faults.append(_summary(place, f"{count - MAX_ANSWERED_FAULTS} more faults are not listed"))
    return Invalid(*faults)


def unknown(
    name: str, known: Collection[str], place: str, elsewhere: Mapping[str, str]
) -> tuple[str, str]:
    """The name of an unknown field, shortened where it is long, and the message about it."""
    noun = "parameter" if place == "query" else "field"
    if len(name) > MAX_QUOTED_NAME:
        return f"{name[:MAX_QUOTED_NAME]}…", f"unknown {noun} {name[:MAX_QUOTED_NAME]!r}…"
    message = f"unknown {noun} {name!r}"
    if name in elsewhere:
        return name, f"{message}: it belongs in {PLACES[elsewhere[name]]}"
    nearest = difflib.get_close_matches(name.lower(), known, 1)
    return name, f"{message}: did you mean {nearest[0]!r}?" if nearest else message


def located(error: Invalid, places: Mapping[str, str]) -> Invalid:
    """The same faults; a field that was looked for in the body is told where it came from."""
    return Invalid(
        *(
            fault
            if fault["type"] == "extra_forbidden"
            else FieldFault(loc=_moved(fault["loc"], places), msg=fault["msg"], type=fault["type"])
            for fault in error.faults
        )
    )


def _moved(loc: Sequence[str | int], places: Mapping[str, str]) -> Sequence[str | int]:
    if len(loc) < 2 or loc[0] != "body":
        return loc
    return [places.get(str(loc[1]), "body"), *loc[1:]]


def _summary(place: str, msg: str) -> FieldFault:
    return FieldFault(loc=[place], msg=msg, type="too_many_faults")


def _fault(
    found: ErrorDetails, model: type[BaseModel], place: str, elsewhere: Mapping[str, str]
) -> FieldFault:
    loc, msg = found["loc"], found["msg"]
    if found["type"] == "extra_forbidden":
        *outer, last = loc
        holder = _model_at(model, outer)
        outermost = elsewhere if not outer else {}
        name, msg = unknown(str(last), [*holder.model_fields] if holder else [], place, outermost)
        loc = (*outer, name)
    return FieldFault(loc=[place, *loc], msg=msg, type=found["type"])


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """The model of the object that a path of names and indices leads to."""
    for step in path:
        if isinstance(step, str):
            field = model.model_fields.get(step)
            inner = next(_models(field.annotation), None) if field else None
            if inner is None:
                return None
            model = inner
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that values of a type may be, or be lists of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
