"""docs/glossary.md names modules that exist, each term once, in order."""

import re

from tests.test_imports import ROOT

ROWS = [
    line.split("|")
    for line in (ROOT.parent / "docs/glossary.md").read_text().splitlines()
    if line.startswith("| ") and "module |" not in line
]


def test_every_module_is_there() -> None:
    assert ROWS
    for row in ROWS:
        modules = re.findall(r"`([\w/]+\.py)`", row[3])
        assert modules, row
        assert all((ROOT / module).exists() for module in modules), row


def test_terms_are_in_order_and_named_once() -> None:
    terms = [row[1].strip().lower() for row in ROWS]
    assert terms == sorted(set(terms))
