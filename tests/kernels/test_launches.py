"""Questions of many sessions in one launch; their vectors lie in an arena."""

from collections.abc import Iterator

import numpy as np
import pytest

from semvec.errors import Unavailable
from semvec.kernels import numpy_
from semvec.kernels.arena import Arena, SharedPool
from semvec.kernels.launches import CosineQuery, DeviceBatch, FloatArray, MatchQuery
from semvec.kernels.mirror import MIN_MIRROR_ROWS, Mirror
from semvec.kernels.pages import Lease
from semvec.kernels.protocol import Counts, HostNumbers, Kernels, QuantisedRows, Ranking

Random = np.random.Generator
RANKING = Ranking(0.2, (0.8, 0.7, 0.6), (0.6, 0.5))


def directions(rng: Random, number: int, width: int) -> FloatArray:
    return numpy_.normalised(rng.standard_normal((number, width), np.float32))


def write(lease: Lease, row: int, vectors: FloatArray) -> None:
    """Unit vectors from this row on, within a page."""
    lease.reserve(row + len(vectors))
    place = lease.place(row)
    codes = numpy_.quantise(vectors)
    lease.plane.codes[place : place + len(codes)] = codes
    lease.plane.scales[place : place + len(codes)] = numpy_.unit_scales(codes)
    lease.plane.mark_dirty(place, len(codes))


def leased(rng: Random, plane: SharedPool, rows: int) -> Lease:
    lease = Lease(plane)
    for row in range(0, rows, 16):
        write(lease, row, directions(rng, min(16, rows - row), plane.width))
    return lease


def comparisons(rng: Random, arena: Arena) -> Iterator[CosineQuery]:
    for width in (8, 48):
        plane = arena.plane(width)
        for queries, count, leases in ((1, 300, 1), (3, 40, 2), (2, 1, 1), (1, 256, 2), (1, 0, 1)):
            rows = tuple(leased(rng, plane, count + 5) for _ in range(leases))
            yield CosineQuery(directions(rng, queries, width), rows, count)


def test_comparisons_in_one_launch_are_those_of_each_alone(kernels: Kernels) -> None:
    rng, arena = np.random.default_rng(0), Arena(0)
    asked = list(comparisons(rng, arena))
    found = DeviceBatch(kernels).cosines(asked)
    for each, answer in zip(asked, found, strict=True):
        np.testing.assert_allclose(answer, each.cosines(), atol=2e-5)
        assert answer.shape == (len(each.queries), each.count)


def match(rng: Random, arena: Arena, memories: int, k: int) -> MatchQuery:
    """A question of five units to so many memories of one to six token vectors, some without."""
    plane, lengths = arena.plane(32), rng.integers(0, 7, memories)
    lease, starts, row = Lease(plane), np.zeros(memories, np.int64), 0
    for memory, length in enumerate(lengths.tolist()):
        row += (-row % 256) if row % 256 + length > 256 else 0
        if length:
            write(lease, row, directions(rng, length, 32))
            starts[memory] = lease.place(row)
        row += length
    LEASES.append(lease)
    words = rng.random((5, memories)) < 0.1
    at, where = np.nonzero(words)
    return MatchQuery(
        plane=plane,
        vectors=directions(rng, 5, 32),
        weights=np.full(5, 0.2, np.float32),
        word_shares=np.full(5, 0.25, np.float32),
        whole_shares=np.full(5, 0.5, np.float32),
        units=at.astype(np.int32),
        memories=where.astype(np.int32),
        shares=rng.random(len(at), np.float32),
        ids=np.cumsum(rng.integers(1, 4, memories)),
        starts=starts,
        lengths=lengths,
        text_cosine=rng.random(memories, np.float32),
        headroom=rng.random(memories, np.float32),
        ranking=RANKING,
        k=k,
    )


LEASES: list[Lease] = []
"""What questions of these tests read stays."""


def test_matches_in_one_launch_are_those_of_each_alone(kernels: Kernels) -> None:
    rng, arena = np.random.default_rng(1), Arena(0)
    asked = [match(rng, arena, *each) for each in ((40, 5), (1, 10), (300, 3), (7, 10))]
    together = DeviceBatch(kernels).matches(asked)
    for each, (ids, scores) in zip(asked, together, strict=True):
        (alone,) = DeviceBatch(numpy_).matches([each])
        assert ids.tolist() == alone[0].tolist()
        assert len(ids) == min(each.k, len(each.ids))
        np.testing.assert_allclose(scores, alone[1], atol=2e-5)


def test_what_was_written_is_seen_by_the_next_launch_and_nothing_is_sent_twice(
    kernels: Kernels,
) -> None:
    rng, arena = np.random.default_rng(2), Arena(0)
    lease, launches = leased(rng, arena.plane(48), 10), DeviceBatch(kernels)
    x = directions(rng, 1, 48)

    def nearest(row: int) -> float:
        return float(launches.cosines([CosineQuery(x, (lease,), 10)])[0][0, row])

    assert nearest(7) < 0.9
    write(lease, 7, x)
    assert nearest(7) > 0.999
    assert arena.plane(48).unseen() == []
    lease.reserve(200)  # it moves
    assert nearest(7) > 0.999


def test_a_copy_grows_with_its_plane(kernels: Kernels) -> None:
    arena, mirror = Arena(0), Mirror(kernels)
    plane, rng = arena.plane(16), np.random.default_rng(3)
    leases = [leased(rng, plane, 40)]
    small = mirror.rows(plane)
    leases += [leased(rng, plane, 256) for _ in range(len(small.values) // 256)]
    leases.append(leased(rng, plane, 300))
    large = mirror.rows(plane)
    assert len(large.values) == 2 * len(small.values) == 2 * MIN_MIRROR_ROWS
    for lease in leases:
        at = lease.places(np.arange(40))
        np.testing.assert_array_equal(kernels.to_host(large.values)[at], plane.codes[at])
        np.testing.assert_array_equal(kernels.to_host(large.scales)[at], plane.scales[at])


class Failing:
    """Kernels whose transfers fail as often as they are told to."""

    def __init__(self) -> None:
        self.failures = 0

    def __getattr__(self, name: str) -> object:
        return getattr(numpy_, name)

    def write_rows(self, rows: QuantisedRows, at: Counts, fresh: QuantisedRows) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the GPU is out of memory: for a test")
        numpy_.write_rows(rows, at, fresh)


def test_what_could_not_be_sent_is_sent_the_next_time() -> None:
    arena, failing, rng = Arena(0), Failing(), np.random.default_rng(4)
    plane = arena.plane(16)
    lease, mirror = leased(rng, plane, 10), Mirror(failing)  # type: ignore[arg-type]
    mirror.rows(plane)
    write(lease, 3, directions(rng, 1, 16))
    write(lease, 5, directions(rng, 1, 16))
    failing.failures = 1
    with pytest.raises(Unavailable, match="out of memory"):
        mirror.rows(plane)
    at = lease.places(np.arange(10))
    np.testing.assert_array_equal(mirror.rows(plane).values[at], plane.codes[at])


@pytest.mark.parametrize("width", [1, 12, 48, 384])
def test_rows_are_written_where_they_belong(kernels: Kernels, width: int) -> None:
    rng = np.random.default_rng(5)
    rows, at = kernels.empty_rows(50, width), rng.permutation(50)
    codes = rng.integers(-127, 128, (50, width)).astype(np.int8)
    scales = rng.random(50, np.float32)
    kernels.write_rows(rows, at[:20], QuantisedRows(codes[:20], scales[:20]))
    placed = QuantisedRows(*kernels.upload(codes[20:], scales[20:]))
    kernels.write_rows(rows, at[20:], placed)
    kernels.write_rows(rows, at[:0], QuantisedRows(codes[:0], scales[:0]))
    np.testing.assert_array_equal(kernels.to_host(rows.values)[at], codes)
    np.testing.assert_array_equal(kernels.to_host(rows.scales)[at], scales)
    with pytest.raises(ValueError, match="not among the 50 rows"):
        kernels.write_rows(rows, np.array([50]), QuantisedRows(codes[:1], scales[:1]))
    with pytest.raises(ValueError, match="shape"):
        kernels.write_rows(rows, at, QuantisedRows(codes[:1], scales[:1]))


def test_staged_arrays_are_what_they_were(kernels: Kernels) -> None:
    arrays: list[HostNumbers] = [
        np.arange(5),
        np.zeros((0, 3), np.float32),
        np.ones((2, 2), np.int32),
    ]
    for array, there in zip(arrays, kernels.upload(*arrays), strict=True):
        np.testing.assert_array_equal(kernels.to_host(there), array)
