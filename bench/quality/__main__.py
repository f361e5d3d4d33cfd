"""Quality of recall and of the drift detector, and what recall costs, in this process.

    python -m bench.quality DATA... [--rounds 3] [--json FILE]

DATA are JSON files of conversations with questions and their evidence,
`[{id, turns: [{id, text}], questions: [{question, evidence: [turn id], category}]}]`, or of
dialogues with topic boundaries, `[{turns: [text], boundaries: [place]}]`. Promise 24: R@5 at least
66 and R@10 at least 74; 25: F1 at least .45 and .58; 23: 2.5 kB of vectors a memory on average and
4 kB at most. CPU time is that of one thread; the encoder's passes are not part of it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import orjson

from bench.quality.data import read
from bench.quality.encoder import Encoder
from bench.quality.figures import Figures, RecallFigures, measure
from bench.quality.segmentation import Segmentation
from semvec.machine import keep_freed_memory


def lines(figures: Figures) -> Iterator[str]:
    for name, recall in figures.recall.items():
        yield from recall_lines(name, recall)
    for name, drift in figures.drift.items():
        yield drift_line(name, drift)


def recall_lines(name: str, figures: RecallFigures) -> Iterator[str]:
    ks = figures.recall["all"]
    yield f"{name:<38}{'n':>6}" + "".join(f"{f'R@{k}':>8}" for k in ks)
    for group, recall in figures.recall.items():
        shares = "".join(f"{share:>8.1f}" for share in recall.values())
        yield f"  {group:<36}{figures.asked[group]:>6}{shares}"
    yield f"bytes a memory: {figures.bytes_mean:.0f} on average, {figures.bytes_max} at most"
    yield f"{'ms of CPU, in a session of':<44}{'query':>8}{'pooled':>8}{'turn':>8}"
    for cost in figures.costs:
        yield (f"  {cost.memories:<42}{cost.query:>8.2f}{cost.pooled_query:>8.2f}{cost.turn:>8.2f}")
    yield f"ms of CPU to pool the token vectors of a text: {figures.pooling_ms:.2f}"


def drift_line(name: str, found: Segmentation) -> str:
    return (
        f"{name:<20}F1 {found.f1:.3f}  precision {found.precision:.3f}  recall {found.recall:.3f}"
        f"  Pk {found.pk:.3f}  WindowDiff {found.window_diff:.3f}"
        f"  ({found.predicted} found of {found.boundaries} in {found.dialogues} dialogues)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    keep_freed_memory()  # as a server does
    encoder, sets = Encoder(), [read(path) for path in args.data]
    figures = measure(encoder, sets, args.rounds)
    print("\n".join(lines(figures)), flush=True)
    if args.json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        args.json.write_bytes(orjson.dumps({"figures": figures}, option=options))


if __name__ == "__main__":
    main()
