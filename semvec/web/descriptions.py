"""Descriptions of answer fields, read from the string under each dataclass field."""

import ast
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_type_hints


def read_descriptions(answered: Any) -> None:
    """Read the descriptions of all dataclasses in a type.

    This reads source files, so it runs at import, not on the event loop when the document is built.
    """
    for kind in _dataclasses(answered, set()):
        field_descriptions(kind)


def field_descriptions(kind: type) -> Mapping[str, str]:
    return _module_descriptions(kind.__module__).get(kind.__qualname__, {})


@cache
def _module_descriptions(module: str) -> Mapping[str, Mapping[str, str]]:
    """Map class names to the descriptions of their fields."""
    file = sys.modules[module].__file__
    if file is None:
        return {}
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {
        node.name: dict(_described(node)) for node in tree.body if isinstance(node, ast.ClassDef)
    }


def _described(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, cleandoc(text).replace("\n", " ")


def _dataclasses(answered: Any, seen: set[type]) -> Iterator[type]:
    """Yield the dataclasses in a type, in its arguments and in their fields."""
    if isinstance(answered, type) and dataclasses.is_dataclass(answered) and answered not in seen:
        seen.add(answered)
        yield answered
        for inner in get_type_hints(answered).values():
            yield from _dataclasses(inner, seen)
    for inner in get_args(answered):
        yield from _dataclasses(inner, seen)
