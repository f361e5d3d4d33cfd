"""A class, an alias or a constant has one name, and the name is defined once."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.test_imports import ROOT

SHARED = {"log", "T", "P", "__all__"}
"""Loggers and type variables are each module's own."""
EVERY_ROUTE = {"ENDPOINTS", "CHANGES", "Commands"}
"""What each module of routes, or of commands, has."""


def _defined(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (each.id for each in targets if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_no_class_alias_or_constant_is_defined_twice() -> None:
    places = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        if "migrations" not in path.parts:
            for name in _defined(ast.parse(path.read_text())):
                places[name].append(str(path.relative_to(ROOT)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in SHARED | EVERY_ROUTE} == {}
