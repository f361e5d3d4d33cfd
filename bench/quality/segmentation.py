"""Topic boundaries found by the drift detector in labelled dialogues, turn by turn."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.quality.data import Dialogue
from bench.quality.encoder import Encoder
from bench.quality.sessions import new_session, play


@dataclass(frozen=True, slots=True)
class Segmentation:
    """F1, precision and recall over exact positions of all dialogues; Pk (Beeferman et al., 1999)
    and WindowDiff (Pevzner and Hearst, 2002) are means over dialogues."""

    dialogues: int
    boundaries: int
    predicted: int
    f1: float
    precision: float
    recall: float
    pk: float
    window_diff: float


def segmentation(encoder: Encoder, dialogues: Sequence[Dialogue]) -> Segmentation:
    found = [detected(encoder, each) for each in dialogues]
    pairs = list(zip(dialogues, found, strict=True))
    hits = sum(len(dialogue.boundaries & places) for dialogue, places in pairs)
    gold, predicted = sum(len(each.boundaries) for each in dialogues), sum(map(len, found))
    windows = [window_errors(d.boundaries, places, len(d.turns)) for d, places in pairs]
    return Segmentation(
        dialogues=len(dialogues),
        boundaries=gold,
        predicted=predicted,
        f1=2 * hits / max(gold + predicted, 1),
        precision=hits / max(predicted, 1),
        recall=hits / max(gold, 1),
        pk=fmean(pk for pk, _ in windows),
        window_diff=fmean(difference for _, difference in windows),
    )


def detected(encoder: Encoder, dialogue: Dialogue) -> set[int]:
    """Places of the turns that were detected as a change of subject."""
    session = new_session(encoder.profile())
    turns = [play(session, message=encoder.said(text)) for text in dialogue.turns]
    return {
        place
        for place, turn in enumerate(turns)
        if place and any(heard.step.detected for heard in turn.heard)
    }


def window_errors(gold: Collection[int], found: Collection[int], n: int) -> tuple[float, float]:
    """Pk and WindowDiff over n turns, with windows of half the mean length of a gold segment."""
    k = max(2, round(n / (len(gold) + 1) / 2))
    if n <= k:
        return 0.0, 0.0
    counts = [(_within(gold, i, k), _within(found, i, k)) for i in range(n - k)]
    return fmean((g > 0) != (f > 0) for g, f in counts), fmean(g != f for g, f in counts)


def _within(places: Collection[int], start: int, k: int) -> int:
    return sum(start < place <= start + k for place in places)
