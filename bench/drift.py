"""The drift detector on labelled dialogues, and what its weights would be if fitted there.

    python -m bench.drift FILE...

A file holds `[{"turns": [text], "boundaries": [index of the first turn of a subject]}]`. The first
table is the detector as it ships: F1 over exact positions, micro-averaged, with a 90 % interval
from resampled dialogues and the F1 of even and of odd dialogues. The second shows logistic
regressions on each file and on all, every file weighing the same: their weights, and the F1 on
each file of `evidence · weights` alone above the one threshold that is best where it was fitted
(the mean of the files' F1).
"""

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semvec.embed.factory import open_embedder
from semvec.session.detector import ALARM, WEIGHTS, DriftEvidence, Nearness, evidence, observe
from semvec.session.drift import DriftState, advance
from semvec.session.lexical_cues import cues
from semvec.vectors import Vector

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

BATCH = 64
SAMPLES = 1000
STEPS = 30
RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Walk:
    """A dialogue's inputs after the first: evidence, shape (n, 6), what was detected, what is."""

    shown: Numbers
    detected: Flags
    switches: Flags


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of the evidence, and the sum from which an input is a switch."""

    weights: Numbers
    alarm: float

    def detect(self, walk: Walk) -> Flags:
        return walk.shown @ self.weights >= self.alarm


def walks(path: Path) -> list[Walk]:
    dialogues = [each for each in json.loads(path.read_text()) if len(each["turns"]) > 1]
    texts = [[turn or "…" for turn in each["turns"]] for each in dialogues]
    vectors = iter(asyncio.run(encoded([text for turns in texts for text in turns])))
    return [
        walk(turns, [next(vectors) for _ in turns], each["boundaries"])
        for turns, each in zip(texts, dialogues, strict=True)
    ]


async def encoded(texts: Sequence[str]) -> list[Vector]:
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    vectors: list[Vector] = []
    for start in range(0, len(texts), BATCH):
        vectors += [each.vector for each in await embedder.encode(texts[start : start + BATCH])]
    await embedder.close()
    return vectors


def walk(texts: Sequence[str], vectors: Sequence[Vector], boundaries: Sequence[int]) -> Walk:
    state = DriftState.initial(len(vectors[0]))
    shown, detected = [], []
    for text, x in zip(texts, vectors, strict=True):
        said = cues(text)
        shown.append(evidence(state, Nearness.of(state, x), said))
        step = observe(state, x, said)
        detected.append(step.detected)
        state = advance(state, step, x)
    switches = np.isin(np.arange(len(texts)), boundaries)
    return Walk(np.array(shown)[1:], np.array(detected)[1:], switches[1:])


def f1(found: Sequence[Flags], walked: Sequence[Walk]) -> float:
    """Over all positions of all dialogues together."""
    pairs = list(zip(found, walked, strict=True))
    hits = sum(int((said & each.switches).sum()) for said, each in pairs)
    total = sum(int(said.sum() + each.switches.sum()) for said, each in pairs)
    return 2 * hits / max(total, 1)


def shipped(name: str, walked: Sequence[Walk]) -> str:
    def score(some: Sequence[Walk]) -> float:
        return f1([each.detected for each in some], some)

    chance = random.Random(0)
    samples = sorted(score(chance.choices(walked, k=len(walked))) for _ in range(SAMPLES))
    low, high = samples[SAMPLES // 20], samples[-SAMPLES // 20]
    halves = f"{score(walked[::2]):.3f} / {score(walked[1::2]):.3f}"
    hits = sum(int((each.detected & each.switches).sum()) for each in walked)
    precision = hits / max(1, sum(int(each.detected.sum()) for each in walked))
    recall = hits / max(1, sum(int(each.switches.sum()) for each in walked))
    return (
        f"{name:20} F1 {score(walked):.3f} [{low:.3f}, {high:.3f}]  precision {precision:.3f}  "
        f"recall {recall:.3f}  even / odd {halves}"
    )


def fitted(files: Sequence[Sequence[Walk]]) -> Fit:
    """A logistic regression by Newton's method, every file with the same total weight."""
    shown = np.concatenate([each.shown for walked in files for each in walked])
    switches = np.concatenate([each.switches for walked in files for each in walked])
    counts = [sum(len(each.switches) for each in walked) for walked in files]
    share = np.concatenate([np.full(count, 1 / count / len(files)) for count in counts])
    rows = np.hstack([shown, np.ones((len(shown), 1))])
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (share * (switches - chance))
        curve = (rows.T * (share * chance * (1 - chance))) @ rows
        weights += np.linalg.solve(curve + RIDGE * np.eye(len(weights)) / len(rows), slope)
    sums = shown @ weights[:-1]
    fits = [
        Fit(weights[:-1], float(alarm)) for alarm in np.quantile(sums, np.linspace(0.5, 1, 200))
    ]
    return max(fits, key=lambda fit: sum(judged(fit, walked) for walked in files))


def judged(fit: Fit, walked: Sequence[Walk]) -> float:
    return f1([fit.detect(each) for each in walked], walked)


def row(name: str, fit: Fit, files: Sequence[Sequence[Walk]]) -> str:
    weights = "  ".join(f"{weight:+7.2f}" for weight in fit.weights)
    scores = "  ".join(f"{judged(fit, walked):.3f}" for walked in files)
    return f"{name:20} {weights}  {fit.alarm:+6.2f}   {scores}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    paths: list[Path] = parser.parse_args().files
    files = [walks(path) for path in paths]
    for path, walked in zip(paths, files, strict=True):
        print(shipped(path.stem, walked))
    print(f"\n{'fitted on':20} {'  '.join(DriftEvidence._fields)}  alarm   F1 on each")
    for path, walked in zip(paths, files, strict=True):
        print(row(path.stem, fitted([walked]), files))
    print(row("all", fitted(files), files))
    print(row("as shipped", Fit(np.array(WEIGHTS), ALARM), files))


if __name__ == "__main__":
    main()
