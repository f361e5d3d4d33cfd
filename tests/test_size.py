"""Lines of each room. A room that outgrows its budget says why in the commit that raises it."""

from collections import Counter

from tests.test_imports import ROOT

BUDGET = {
    "answers": 900,
    "audit": 400,
    "cache": 1300,
    "embed": 2900,
    "groups": 350,
    "kernels": 2300,
    "licensing": 550,
    "limits": 400,
    "service": 3200,
    "session": 5600,
    "store": 7200,
    "telemetry": 1150,
    "urls": 600,
    "web": 5500,
    "modules": 3600,
}


def test_no_room_outgrows_its_budget() -> None:
    lines: Counter[str] = Counter()
    for path in ROOT.rglob("*.py"):
        room, *rest = path.relative_to(ROOT).parts
        lines[room if rest else "modules"] += path.read_text().count("\n")
    print(
        *(f"{count:6d} of {BUDGET.get(room, 0)} {room}" for room, count in lines.items()), sep="\n"
    )
    assert {room: count for room, count in lines.items() if count > BUDGET.get(room, 0)} == {}
    assert lines.keys() == BUDGET.keys()
