"""Counters, gauges and histograms stored in cells, and the families that Prometheus collects."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import ClassVar, Generic, Literal, Protocol, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from semvec.telemetry.cells import Cells, Totals

Merge = Literal["sum", "max"]
Sample = tuple[str, dict[str, str], float]
"""Suffix of the family's name, additional labels, and the value over all workers."""


class Instrument(Protocol):
    kind: ClassVar[str]

    def samples(self, totals: Totals) -> Iterator[Sample]: ...


class Counter:
    """A number that only increases."""

    __slots__ = ("_place", "_row")
    kind: ClassVar[str] = "counter"

    def __init__(self, cells: Cells) -> None:
        self._row, self._place = cells.row, cells.take(1)

    def add(self, amount: float = 1.0) -> None:
        self._row[self._place] += amount

    def samples(self, totals: Totals) -> Iterator[Sample]:
        yield "_total", {}, totals.sums[self._place]


class Gauge:
    """A current value; `merge` combines the values of all workers."""

    __slots__ = ("_merge", "_place", "_row")
    kind: ClassVar[str] = "gauge"

    def __init__(self, cells: Cells, merge: Merge = "sum") -> None:
        self._row, self._place, self._merge = cells.row, cells.take(1), merge
        self.set(0.0)

    def set(self, value: float) -> None:
        self._row[self._place] = value

    def samples(self, totals: Totals) -> Iterator[Sample]:
        merged = totals.largest if self._merge == "max" else totals.sums
        yield "", {}, merged[self._place]


class Histogram:
    """Counts of observed values by upper bound: a cell for each of `bounds`, one for larger values,
    one for the sum."""

    __slots__ = ("_bounds", "_first", "_row", "_sum")
    kind: ClassVar[str] = "histogram"

    def __init__(self, cells: Cells, bounds: Sequence[float]) -> None:
        self._row, self._bounds = cells.row, bounds
        self._first = cells.take(len(bounds) + 2)
        self._sum = self._first + len(bounds) + 1

    def observe(self, value: float) -> None:
        self._row[self._first + bisect_left(self._bounds, value)] += 1.0
        self._row[self._sum] += value

    def samples(self, totals: Totals) -> Iterator[Sample]:
        *counts, total = totals.sums[self._first : self._sum + 1]
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        upto = [*accumulate(counts)]
        for name, count in zip(names, upto, strict=True):
            yield "_bucket", {"le": name}, count
        yield "_count", {}, upto[-1]
        yield "_sum", {}, total


InstrumentKind = TypeVar("InstrumentKind", bound=Instrument)


class Family(Generic[InstrumentKind]):
    """Instruments of one name, distinguished by labels whose values are all known at start.

    A `sparse` family exposes only instruments that have counted something.
    """

    def __init__(
        self,
        name: str,
        meaning: str,
        make: Callable[[], InstrumentKind],
        labels: Sequence[str] = (),
        sparse: bool = False,
    ) -> None:
        self.name = name
        self._meaning, self._make, self._labels, self._sparse = meaning, make, labels, sparse
        self._members: dict[tuple[str, ...], InstrumentKind] = {}

    def at(self, *values: str) -> InstrumentKind:
        """Return the instrument with these label values; create it if missing."""
        if len(values) != len(self._labels):
            raise ValueError(f"{self.name} has the labels {self._labels}, not {values}")
        if values not in self._members:
            self._members[values] = self._make()
        return self._members[values]

    def collect(self, totals: Totals) -> Iterator[Metric]:
        metric: Metric | None = None
        for values, member in self._members.items():
            if metric is None:
                metric = Metric(self.name, self._meaning, member.kind)
            samples = [*member.samples(totals)]
            if self._sparse and not any(value for _, _, value in samples):
                continue
            labels = dict(zip(self._labels, values, strict=True))
            for suffix, more, value in samples:
                metric.add_sample(self.name + suffix, labels | more, value)
        if metric is not None:
            yield metric


class Instruments(Collector):
    """The collector of a registry, stored in `cells`. Its methods create families, or the single
    instrument of a family without labels."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._collectors: list[Callable[[Totals], Iterator[Metric]]] = []

    def collect(self) -> Iterator[Metric]:
        totals = self._cells.totals()
        for collect in self._collectors:
            yield from collect(totals)

    def counters(
        self, name: str, meaning: str, *labels: str, sparse: bool = False
    ) -> Family[Counter]:
        """Create counters; Prometheus adds `_total` to the name."""
        return self._kept(Family(name, meaning, partial(Counter, self._cells), labels, sparse))

    def counter(self, name: str, meaning: str) -> Counter:
        return self.counters(name, meaning).at()

    def gauges(self, name: str, meaning: str, *labels: str, merge: Merge = "sum") -> Family[Gauge]:
        return self._kept(Family(name, meaning, partial(Gauge, self._cells, merge), labels))

    def gauge(self, name: str, meaning: str, merge: Merge = "sum") -> Gauge:
        return self.gauges(name, meaning, merge=merge).at()

    def histograms(
        self, name: str, meaning: str, bounds: Sequence[float], *labels: str, sparse: bool = False
    ) -> Family[Histogram]:
        make = partial(Histogram, self._cells, bounds)
        return self._kept(Family(name, meaning, make, labels, sparse))

    def histogram(self, name: str, meaning: str, bounds: Sequence[float]) -> Histogram:
        return self.histograms(name, meaning, bounds).at()

    def _kept(self, family: Family[InstrumentKind]) -> Family[InstrumentKind]:
        self._collectors.append(family.collect)
        return family
