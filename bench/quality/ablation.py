"""What each part of the scorer is worth: recall without it, and what smaller vectors cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import cast

import numpy as np

from bench.quality import variants
from bench.quality.data import Conversation
from bench.quality.encoder import Encoder
from bench.quality.recall import Asked, Learnt, learn, questions, recalls
from bench.quality.sessions import vector_bytes
from bench.quality.variants import AS_IT_IS, Swap, Variant, swapped
from semvec import tokens
from semvec.kernels.numpy_ import Codes
from semvec.kernels.pages import OwnPool


@dataclass(frozen=True, slots=True)
class Row:
    """Recall in % and bytes of vectors a memory of one variant.

    `gain` is what it gains on the scorer as it is, in points by k, `error` its standard error over
    questions.
    """

    name: str
    recall: dict[int, float]
    gain: dict[int, float]
    error: dict[int, float]
    nbytes: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """`parts` are without one part each, `without_tokens` what is left where an embedder has none,
    `fewer` and `narrower` keep other numbers of token vectors, and shorter or longer ones."""

    as_it_is: Row
    parts: list[Row]
    without_tokens: list[Row]
    fewer: list[Row]
    narrower: list[Row]


def ablation(encoder: Encoder, conversations: Sequence[Conversation]) -> Ablation:
    usual, nbytes = asked(encoder, conversations, AS_IT_IS)

    def rows(several: Sequence[Variant]) -> list[Row]:
        return [row(each, usual, *asked(encoder, conversations, each)) for each in several]

    return Ablation(
        as_it_is=row(AS_IT_IS, usual, usual, nbytes),
        parts=rows(variants.PARTS),
        without_tokens=rows(variants.WITHOUT_TOKENS),
        fewer=rows(variants.FEWER),
        narrower=rows(variants.NARROWER),
    )


def asked(
    encoder: Encoder, conversations: Sequence[Conversation], variant: Variant
) -> tuple[list[Asked], float]:
    """Every question under this variant, and the mean bytes of a memory."""
    with swapped(variant.swaps):
        learnt = learn(encoder, conversations, tokens=variant.tokens)
        if not variant.rounded:
            for each in learnt:
                unround(encoder, each)
        sizes = [size for each in learnt for size in vector_bytes(each.session)]
        return list(questions(encoder, learnt, variant.query)), fmean(sizes)


def row(variant: Variant, usual: Sequence[Asked], rows: Sequence[Asked], nbytes: float) -> Row:
    recall = recalls(rows)
    gains = {
        k: [100.0 * (a.recall[k] - b.recall[k]) for a, b in zip(rows, usual, strict=True)]
        for k in recall
    }
    return Row(
        name=variant.name,
        recall=recall,
        gain={k: fmean(each) for k, each in gains.items()},
        error={k: stdev(each) / len(each) ** 0.5 for k, each in gains.items()},
        nbytes=nbytes,
    )


def unround(encoder: Encoder, learnt: Learnt) -> None:
    """Have the session hold its token vectors in float32, as they were before int8."""
    memories = learnt.session.memories
    held = memories.tokens
    plane = held.lease.plane
    assert isinstance(plane, OwnPool)
    with swapped([Swap(tokens, "quantise", lambda rows: rows)]):
        said = [encoder.said(memories.content(row).text) for row in range(memories.count)]
    floats = np.zeros(plane.codes.shape, np.float32)
    places = held.places(np.arange(memories.count)).tolist()
    for place, each in zip(places, said, strict=True):
        kept = np.frombuffer(each.packed_tokens or b"", np.float32).reshape(-1, plane.width)
        floats[place : place + len(kept)] = kept
    plane.codes, plane.scales = cast(Codes, floats), np.ones(len(floats), np.float32)
