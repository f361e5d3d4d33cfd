"""What kernels take, what they answer, and what each operation means.

`numpy_` defines every operation; a device does the same for many sessions in one launch. Arrays
named so are of the kernels' own kind, as `upload` makes them: NumPy's, or in a device's memory.
Everything else, `Runs` too, is NumPy's. No argument is ever modified. An argument of the wrong type
raises TypeError, one of the wrong shape or size, or past a limit, ValueError.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

DeviceArray = Any
"""An array where the kernels read it; its shape and dtype are in the docstring."""
HostNumbers = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

TOP_LIMIT = 128
"""The largest k."""
UNIT_LIMIT = 256
"""Units of one question."""
REACH_LIMIT = 4
"""Neighbours on either side of a memory that may answer for it."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedRows:
    """Vectors by row: row i stands for `scales[i] * values[i]`.

    `values`, shape (t, d), are int8 codes, or float16, float32 or, on the CPU, float64; `scales`
    are float32, shape (t,), and None stands for ones. Both are arrays of the kernels' kind.
    """

    values: DeviceArray
    scales: DeviceArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """What each of m queries looks at: runs of consecutive rows.

    Run i has `lengths[i]` rows from `starts[i]`, and query j looks at the runs from `offsets[j]` up
    to `offsets[j + 1]`; int64, shapes (r,), (r,) and (m + 1,).
    """

    starts: Counts
    lengths: Counts
    offsets: Counts

    @classmethod
    def single(cls, starts: npt.ArrayLike, lengths: npt.ArrayLike) -> "Runs":
        """One run for each query."""
        first = np.asarray(starts, np.int64)
        return cls(first, np.asarray(lengths, np.int64), np.arange(len(first) + 1))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def ends(self) -> Counts:
        return self.starts + self.lengths

    def counts(self) -> Counts:
        """Rows of each query, shape (m,)."""
        sums = np.append(0, np.cumsum(self.lengths))
        counts: Counts = sums[self.offsets[1:]] - sums[self.offsets[:-1]]
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The best of each of m queries, best first, ties by the newer id.

    `ids`, shape (m, k), int64, are -1 where a query has fewer; `scores`, the same shape, are 0
    there, and float64 where everything that came in was, else float32.
    """

    ids: Counts
    scores: HostNumbers


@dataclass(frozen=True, slots=True, eq=False)
class TokenQueries:
    """m questions, each cut into units with a vector and a weight of its own.

    `vectors`, shape (u, p), are unit length or zero, float32 or on the CPU float64; `weights` have
    the same dtype, shape (u,). Question j has the units from `offsets[j]` up to `offsets[j + 1]`,
    int64, shape (m + 1,).
    """

    vectors: HostNumbers
    weights: HostNumbers
    offsets: Counts

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where the token vectors of each of n memories lie, in order of learning.

    Memory i has `lengths[i]` rows of tokens from `starts[i]`, and `ids[i]`, which rise within a
    session. An id below 0 stands for a memory that is gone: it keeps its place and is not looked
    at. Arrays of the kernels' kind, int64, shape (n,).
    """

    starts: DeviceArray
    lengths: DeviceArray
    ids: DeviceArray


@dataclass(frozen=True, slots=True, eq=False)
class MatchEvidence:
    """What speaks for memories beside their tokens.

    By unit, shape (u,), in [0, 1]: what its word counts, `word_shares` beside the nearest token,
    `whole_shares` beside the memory as a whole.
    By occurrence of a word: its unit and its memory, counted within the question from 0, int32, and
    how far it counts there, in [0, 1]; shapes (e,), at most one for each unit and memory. Question
    j has those from `offsets[j]` up to `offsets[j + 1]`.
    By memory, in the order of the runs, shape (n,), arrays of either kind, or None: `whole`, how
    near it is to the whole question, which stands for tokens where the memory has none or the unit
    has a zero vector; `rest`, in [0, 1], what its score leaves of the distance to 1, so that ones
    change nothing.
    """

    word_shares: HostNumbers
    whole_shares: HostNumbers
    units: npt.NDArray[np.int32]
    memories: npt.NDArray[np.int32]
    shares: HostNumbers
    offsets: Counts
    whole: DeviceArray | None = None
    rest: DeviceArray | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """`floor`: cosine of tokens below which nothing is said, under 1. `after`, `before`: what an
    answer counts for memories learnt one, two, ... turns after it or before it, in [0, 1]."""

    floor: float
    after: tuple[float, ...] = ()
    before: tuple[float, ...] = ()

    @property
    def reach(self) -> int:
        return max(len(self.after), len(self.before))


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """g groups of rows: group j has the rows `members[offsets[j]:offsets[j + 1]]`; int64, shapes
    (n,) and (g + 1,). A row may be in several groups."""

    members: Counts
    offsets: Counts

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Kernels(Protocol):
    """Every operation that a device does for the server. One caller at a time.

    Results of float32 arithmetic agree with the same in float64 within 1e-5 for unit vectors of up
    to 1024 numbers. A device takes a query beside int8 rows as 16-bit fixed-point numbers.
    """

    def to_host(self, array: DeviceArray) -> HostNumbers:
        """What an array of the kernels' kind holds."""

    def upload(self, *arrays: HostNumbers) -> list[DeviceArray]:
        """Copies where the kernels read them, in one transfer."""

    def empty_rows(self, number: int, dimension: int) -> QuantisedRows:
        """Room for int8 rows with scales; they hold anything."""

    def write_rows(self, rows: QuantisedRows, at: Counts, fresh: QuantisedRows) -> None:
        """Put `fresh` rows, of either kind, in the places `at`, shape (n,), each at most once.

        The one operation that changes what it is given: `rows`, as `empty_rows` made them.
        """

    def ragged_cosines(self, queries: HostNumbers, rows: QuantisedRows, runs: Runs) -> DeviceArray:
        """Cosines of each query to its rows, one query after the other, shape (sum of counts,)."""

    def match_top(
        self,
        questions: TokenQueries,
        tokens: QuantisedRows,
        spans: Spans,
        runs: Runs,
        evidence: MatchEvidence,
        ranking: Ranking,
        k: int,
    ) -> Top:
        """The k memories that answer each question best; one run for each question.

        `tokens` are int8 codes of (t, p), p at most 128 on a device; `runs` are runs of `spans`. A
        memory's maximum for a unit is the highest cosine of the unit to any of its tokens, at least
        0, as in the late interaction of Khattab and Zaharia (SIGIR 2020). What lies above `floor`
        counts, stretched to [0, 1]; the unit's word counts its share beside it. The highest of a
        memory's own number and its neighbours' shares of theirs, by the distance of ids, is summed
        over units with their weights. With `rest` the score is 1 - (1 - sum) * rest, clipped to
        [0, 1]. The ranking of docs/recall.md.
        """
