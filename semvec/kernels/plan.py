"""How the work of one launch is cut into blocks: even ones, enough of them, none of two queries."""

from dataclasses import dataclass

import numpy as np

from semvec.kernels.protocol import Counts, MatchEvidence, Runs, TokenQueries

WARPS = 8
"""Warps of a block; the kernels count on it."""
BLOCKS = 16
"""Blocks for each processor of the device where there is work for them."""
LEAST_ROWS, MOST_ROWS = 128, 16_384
"""Rows of a block; a warp takes 16 at once."""
LEAST_MEMORIES, MOST_MEMORIES = 32, 256
"""Memories of a block; one thread ranks one of them."""
SLOT_BYTES = 46_000
"""Bytes of a block for its memories' maxima, so that two blocks fit where there are 164 kB."""
STAGE_BYTES = WARPS * 4 * (32 * 32 + 8 * 4)
"""Bytes of a block for tiles on their way."""
UNIT_TILE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """One row of `items` a block, in the order of queries: fields of the kernel's own. Query j has
    those from `firsts[j]` up to `firsts[j + 1]`."""

    items: Counts
    firsts: Counts

    def __len__(self) -> int:
        return len(self.items)

    @property
    def numbers(self) -> Counts:
        """Blocks of each query."""
        return np.diff(self.firsts)


def cut(lengths: Counts, most: int) -> tuple[Counts, Counts, Counts]:
    """Runs in equal pieces of at most `most`: the run, the begin in it and the length of each."""
    pieces = -(-lengths // most)
    run = np.repeat(np.arange(len(lengths)), pieces)
    number = np.arange(len(run)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    size = -(-lengths // np.maximum(pieces, 1))[run]
    return run, number * size, np.minimum(size, lengths[run] - number * size)


def stretches(runs: Runs, processors: int) -> tuple[Counts, Blocks]:
    """Stretches, (first row, length, place among all rows), one for a warp at a time, and blocks of
    them, (query, first stretch, past the last)."""
    total = int(runs.lengths.sum())
    rows = int(np.clip(total // (BLOCKS * processors), LEAST_ROWS, MOST_ROWS))
    run, begin, length = cut(runs.lengths, rows // WARPS)
    place = np.cumsum(length) - length
    query = _query_of_run(runs)[run]
    ahead = np.append(0, np.cumsum(runs.lengths))[runs.offsets[:-1]]
    block = (place - ahead[query]) // rows
    edges = _edges(query, block)
    items = np.stack([query[edges[:-1]], edges[:-1], edges[1:]], axis=1)
    return (
        np.stack([runs.starts[run] + begin, length, place], axis=1),
        Blocks(items, np.searchsorted(items[:, 0], np.arange(len(runs) + 1))),
    )


def _query_of_run(runs: Runs) -> Counts:
    return np.repeat(np.arange(len(runs)), np.diff(runs.offsets))


def _edges(query: Counts, block: Counts) -> Counts:
    """Where a new block begins, and the end."""
    new = (np.diff(query) != 0) | (np.diff(block) != 0)
    inner = np.flatnonzero(new) + 1
    return np.concatenate([np.zeros(min(1, len(query)), np.int64), inner, [len(query)]])


def most_memories(questions: TokenQueries, reach: int) -> int:
    """Memories of its own that a block has room for, whatever the question."""
    units = int(np.diff(questions.offsets).max(initial=1))
    room = SLOT_BYTES // (12 + 4 * _stride(units)) - 2 * reach
    return min(MOST_MEMORIES, room)


def _stride(units: int) -> int:
    return -(-units // UNIT_TILE) * UNIT_TILE + 1


def chunks(
    questions: TokenQueries, runs: Runs, processors: int, reach: int, evidence: MatchEvidence
) -> Blocks:
    """Blocks of memories, (first unit, units, low, high, first, last, origin, place, first word,
    past the last word): see `Item` in tokens.cuh. `place` counts memories."""
    even = -(-int(runs.lengths.sum()) // (2 * processors))
    most = int(np.clip(even, LEAST_MEMORIES, most_memories(questions, reach)))
    run, begin, length = cut(runs.lengths, most)
    query, start, end = (
        _query_of_run(runs)[run],
        runs.starts[run],
        (runs.starts + runs.lengths)[run],
    )
    first = start + begin
    items = np.stack(
        [
            questions.offsets[query],
            np.diff(questions.offsets)[query],
            np.maximum(first - reach, start),
            np.minimum(first + length + reach, end),
            first,
            first + length,
            start,
            np.cumsum(length) - length,
            evidence.offsets[query],
            evidence.offsets[query + 1],
        ],
        axis=1,
    )
    return Blocks(items, np.searchsorted(query, np.arange(len(runs) + 1)))


def shared_bytes(items: Counts) -> int:
    """Bytes that a block of these needs at most: see `Slots` in tokens.cuh."""
    slots = items[:, 3] - items[:, 2]
    strides = -(-items[:, 1] // UNIT_TILE) * UNIT_TILE + 1
    return STAGE_BYTES + int((slots * (12 + 4 * strides)).max(initial=0))
