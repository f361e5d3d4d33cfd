"""Whatever the threat model relies on is a test that there is."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_defence_names_tests_that_exist() -> None:
    text = (ROOT / "THREAT_MODEL.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    missing = {
        (file, name)
        for file, name in named
        if not (ROOT / file).is_file() or (name and name not in declared_in(ROOT / file))
    }
    assert missing == set()


def test_every_row_of_a_defence_names_one() -> None:
    rows = [
        line
        for line in (ROOT / "THREAT_MODEL.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| tries to", "| what |"))
    ]
    assert len(rows) > 25
    assert [row for row in rows if "`tests/" not in row] == []


def declared_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
