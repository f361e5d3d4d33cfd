"""Messages about invalid fields of a request."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from semvec.errors import FieldFault, Invalid

MAX_ANSWERED_FAULTS = 100
"""Faults that one answer lists at most."""
MOST_READ = 1000
"""Above this many faults only their number is reported: each message takes a microsecond."""
MAX_QUOTED_NAME = 64
"""Characters of an unknown name that are quoted and compared with known names."""
PLACES = {"body": "the body", "query": "the query string", "path": "the path"}


def invalid(
    error: ValidationError,
    model: type[BaseModel],
    place: str,
    elsewhere: Mapping[str, str] | None = None,
) -> Invalid:
    """Convert pydantic's errors about one part of a request.

    `elsewhere` maps the operation's input names to the part of the request they belong in.
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
    """Return the name of an unknown field, shortened if long, and a message about it."""
    noun = "parameter" if place == "query" else "field"
    if len(name) > MAX_QUOTED_NAME:
        return f"{name[:MAX_QUOTED_NAME]}…", f"unknown {noun} {name[:MAX_QUOTED_NAME]!r}…"
    message = f"unknown {noun} {name!r}"
    if name in elsewhere:
        return name, f"{message}: it belongs in {PLACES[elsewhere[name]]}"
    nearest = difflib.get_close_matches(name.lower(), known, 1)
    return name, f"{message}: did you mean {nearest[0]!r}?" if nearest else message


def located(error: Invalid, places: Mapping[str, str]) -> Invalid:
    """Return the same faults with the part of the request that each field came from."""
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
    """Return the model of the object at a path of names and indices, if there is one."""
    for step in path:
        if isinstance(step, str):
            field = model.model_fields.get(step)
            inner = next(_models(field.annotation), None) if field else None
            if inner is None:
                return None
            model = inner
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation, also inside of lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
