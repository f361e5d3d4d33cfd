"""Quality of recall and of the drift detector, and what recall costs, in this process.

    python -m bench.quality DATA... [--rounds 3] [--json FILE] [--ablation] [--plot DIRECTORY]

DATA are JSON files of conversations with questions and their evidence,
`[{id, turns: [{id, text}], questions: [{question, evidence: [turn id], category}]}]`, or of
dialogues with topic boundaries, `[{turns: [text], boundaries: [place]}]`. Promise 24: R@5 at least
66 and R@10 at least 74; 25: F1 at least .45 and .58; 23: 2.5 kB of vectors a memory on average and
4 kB at most. CPU time is that of one thread; the encoder's passes are not part of it. `--ablation`
takes each part of the scorer away in turn, over all conversations, `--plot` draws that as SVG.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import orjson

from bench.quality.ablation import Ablation, Row, ablation
from bench.quality.charts import draw
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
    percentiles = figures.levels[0].relevance
    yield f"{'relevance of':<44}" + "".join(f"{f'{share}%':>8}" for share in percentiles)
    for level in figures.levels:
        shares = "".join(f"{share:>8.2f}" for share in level.relevance.values())
        yield f"  {level.of:<42}{shares}"
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


def ablation_lines(taken: Ablation) -> Iterator[str]:
    ks = taken.as_it_is.recall
    heads = "".join(f"{f'R@{k}':>8}" for k in ks) + "".join(f"{f'gain@{k}':>14}" for k in ks)
    yield f"{'':<42}{heads}{'bytes':>8}"
    yield ablation_line(taken.as_it_is)
    for rows in (taken.parts, taken.without_tokens, taken.fewer, taken.narrower):
        yield from map(ablation_line, rows)


def ablation_line(row: Row) -> str:
    recall = "".join(f"{share:>8.1f}" for share in row.recall.values())
    gains = "".join(f"{gain:>+8.1f} ± {row.error[k]:.1f}" for k, gain in row.gain.items())
    return f"  {row.name:<40}{recall}{gains}{row.nbytes:>8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--plot", type=Path, metavar="DIRECTORY")
    args = parser.parse_args()
    keep_freed_memory()  # as a server does
    encoder, sets = Encoder(), [read(path) for path in args.data]
    figures = measure(encoder, sets, args.rounds)
    print("\n".join(lines(figures)), flush=True)
    conversations = [each for data in sets for each in data.conversations]
    taken = None
    if conversations and (args.ablation or args.plot):
        taken = ablation(encoder, conversations)
        print("\n".join(ablation_lines(taken)))
    if taken and args.plot:
        draw(taken, args.plot)
    if args.json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        everything = {"figures": figures, "ablation": taken}
        args.json.write_bytes(orjson.dumps(everything, option=options))


if __name__ == "__main__":
    main()
