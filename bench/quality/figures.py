"""Everything that is measured of the packaged encoder, the search and the drift detector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from bench.quality.cost import Cost, costs, pooling
from bench.quality.data import DataSet
from bench.quality.encoder import Encoder
from bench.quality.recall import groups, learn, questions, recalls
from bench.quality.segmentation import Segmentation, segmentation
from bench.quality.sessions import vector_bytes


@dataclass(frozen=True, slots=True)
class RecallFigures:
    """`recall` is R@k in % by group and k, `asked` the number of questions by group."""

    asked: dict[str, int]
    recall: dict[str, dict[int, float]]
    bytes_mean: float
    bytes_max: int
    pooling_ms: float
    costs: list[Cost]


@dataclass(frozen=True, slots=True)
class Figures:
    """By data set."""

    recall: dict[str, RecallFigures] = field(default_factory=dict)
    drift: dict[str, Segmentation] = field(default_factory=dict)


def measure(encoder: Encoder, sets: Sequence[DataSet], rounds: int) -> Figures:
    figures = Figures()
    for each in sets:
        encoder.learn(each.texts)
        if each.conversations:
            figures.recall[each.name] = recall_figures(encoder, each, rounds)
        else:
            figures.drift[each.name] = segmentation(encoder, each.dialogues)
    return figures


def recall_figures(encoder: Encoder, data: DataSet, rounds: int) -> RecallFigures:
    learnt = learn(encoder, data.conversations)
    by = groups(questions(encoder, learnt))
    sizes = [size for each in learnt for size in vector_bytes(each.session)]
    return RecallFigures(
        asked={group: len(rows) for group, rows in by.items()},
        recall={group: recalls(rows) for group, rows in by.items()},
        bytes_mean=mean(sizes),
        bytes_max=max(sizes),
        pooling_ms=pooling(encoder, data.conversations, rounds),
        costs=costs(encoder, data.conversations, rounds),
    )
