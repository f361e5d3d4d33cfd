"""Pictures of the ablation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.quality.ablation import Ablation, Row
from bench.quality.svg import bar, curve, drawing, line, text

WIDTH = 800
STEP = 32
"""Height of a row of bars."""
BUDGET = 2500
"""Bytes of vectors that a memory may have on average."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Numbers from `least` to `most` as places from `start` to `end`."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, number: float) -> float:
        share = (number - self.least) / (self.most - self.least)
        return self.start + share * (self.end - self.start)


def draw(ablation: Ablation, directory: Path) -> None:
    """`recall-ablation.svg` and `recall-bytes.svg`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "recall-ablation.svg").write_text(ablation_chart(ablation.parts))
    (directory / "recall-bytes.svg").write_text(bytes_chart(ablation))


def ablation_chart(rows: Sequence[Row]) -> str:
    """What recall gains or loses where one part is away, in points."""
    gains = [row.gain[k] for row in rows for k in (5, 10)]
    least, most = 2 * math.floor(min(gains) / 2), 2 * math.ceil(max(gains) / 2)
    x = Axis(least, most, 290, WIDTH - 40)
    height = 110 + STEP * len(rows)
    elements = [
        text(x.start - 12, 52, "points:", "small", "end"),
        *legend(x.start, "first", "R@10"),
        *legend(x.start + 70, "second faint", "R@5, thin: standard error over questions"),
    ]
    for points in range(least, most + 1, 2):
        elements.append(line(x(points), 62, x(points), height - 36, "grid" if points else "axis"))
        elements.append(
            text(x(points), height - 18, f"{points:+}" if points else "0", "small", "middle")
        )
    for place, row in enumerate(rows):
        elements += bars(row, x, 70 + STEP * place)
    return drawing(WIDTH, height, "What recall loses without one part of the scorer", elements)


def bars(row: Row, x: Axis, y: float) -> Iterator[str]:
    """The gains at 10 and at 5, one below the other, from `y` down."""
    yield text(x.start - 12, y + 16, row.name, anchor="end")
    for k, top, kind in ((10, y, "first"), (5, y + 12, "second faint")):
        gain, error = row.gain[k], row.error[k]
        yield bar(x(0), x(gain), top, 10, kind)
        yield line(x(gain - error), top + 5, x(gain + error), top + 5, "error")


def legend(x: float, kind: str, words: str) -> Iterator[str]:
    yield bar(x, x + 14, 43, 10, kind)
    yield text(x + 20, 52, words, "small")


def bytes_chart(ablation: Ablation) -> str:
    """R@10 over the bytes of a memory."""
    rows = [ablation.parts[0], *ablation.fewer, *ablation.narrower]
    recalls = [row.recall[10] for row in rows]
    y = Axis(math.floor(min(recalls)), math.ceil(max(recalls)), 370, 70)
    x = Axis(math.log2(256), math.log2(8192), 60, WIDTH - 30)
    elements = [
        *legend(60, "first", "R@10 with more or fewer token vectors"),
        *legend(340, "second", "with longer or shorter ones"),
        text(WIDTH / 2, 414, "bytes of vectors a memory, on average", "small", "middle"),
    ]
    for recall in range(int(y.least), int(y.most) + 1):
        elements.append(line(x.start, y(recall), x.end, y(recall), "grid"))
        elements.append(text(x.start - 10, y(recall) + 4, str(recall), "small", "end"))
    elements += [
        text(x(math.log2(size)), 390, f"{size:,}", "small", "middle")
        for size in (256, 512, 1024, 2048, 4096, 8192)
    ]
    bound = x(math.log2(BUDGET))
    elements.append(line(bound, y.end, bound, y.start, "bound"))
    elements.append(text(bound + 8, y.start - 8, f"at most {BUDGET:,}", "small"))
    elements += curves(ablation, x, y)
    return drawing(WIDTH, 430, "Recall over the size of a memory's vectors", elements)


def curves(ablation: Ablation, x: Axis, y: Axis) -> Iterator[str]:
    for rows, kind, below in ((ablation.fewer, "first", 20), (ablation.narrower, "second", -12)):
        places = [(x(math.log2(row.nbytes)), y(row.recall[10])) for row in rows]
        yield from curve(places, kind)
        for row, place in zip(rows, places, strict=True):
            yield text(place[0], place[1] + below, row.name.partition(" ")[0], "small", "middle")
    pooled = ablation.parts[0]
    place = x(math.log2(pooled.nbytes)), y(pooled.recall[10])
    yield from curve([place], "axis")
    yield text(place[0] + 10, place[1] + 4, pooled.name, "small")
