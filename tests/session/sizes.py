"""What a session really takes."""

import gc
from collections.abc import Iterable
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import msgspec

from semvec.session.session import Session

SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)


def resident_bytes(session: Session) -> int:
    """Bytes of all objects that are reached from a session, arrays and texts included."""
    seen: set[int] = set()
    found: list[Any] = [session]
    total = 0
    while found:
        each = found.pop()
        if id(each) not in seen and not isinstance(each, SHARED):
            seen.add(id(each))
            total += getsizeof(each)
            found += _held(each)
    return total


def _held(owner: Any) -> Iterable[Any]:
    """What an object refers to; the collector is told of neither texts nor structs."""
    if isinstance(owner, dict):
        return [*owner.keys(), *owner.values()]
    if isinstance(owner, msgspec.Struct):
        return [getattr(owner, name) for name in owner.__struct_fields__]
    return gc.get_referents(owner)
