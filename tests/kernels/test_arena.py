"""Pages of a plane that all sessions share."""

import gc
import mmap
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.errors import Unavailable
from semvec.kernels.arena import Arena, BuddyAllocator, ReservedMemory, SharedPool
from semvec.kernels.pages import PAGE_ROWS, PART_ROWS, Lease, OwnPool

MIB = 1 << 20
STATM = Path("/proc/self/statm")
SIZES = (PART_ROWS, 2 * PART_ROWS, 4 * PART_ROWS, PAGE_ROWS)


def resident() -> int:
    """Bytes of this process; where the system tells."""
    if not STATM.exists():
        pytest.skip("no /proc")
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE


def filled(arena: Arena, rows: int, width: int, value: int) -> Lease:
    lease = Lease(arena.plane(width))
    lease.reserve(rows)
    for run in lease.runs(lease.size):
        lease.plane.codes[run] = value
    return lease


@given(st.lists(st.integers(0, 3) | st.integers(-40, -1), max_size=200))
def test_nobody_has_rows_of_another_and_what_comes_back_becomes_whole_pages(
    script: list[int],
) -> None:
    free, held = BuddyAllocator(1 << 20), list[tuple[int, int]]()
    for step in script:
        if step >= 0:
            size = SIZES[step]
            first = free.allocate(size)
            assert first % size == 0
            assert all(first + size <= start or start + rows <= first for start, rows in held)
            held.append((first, size))
        elif held:
            free.free(*held.pop(step % len(held)))
        assert free.taken == sum(rows for _, rows in held)
    end = free.end
    for each in held:
        free.free(*each)
    for _ in range(end // PAGE_ROWS):
        free.allocate(PAGE_ROWS)
    assert free.end == end


def test_no_room_is_an_error_that_says_so() -> None:
    free = BuddyAllocator(2 * PAGE_ROWS)
    free.allocate(PART_ROWS)
    free.allocate(PAGE_ROWS)
    with pytest.raises(Unavailable, match="no room for more vectors"):
        free.allocate(PAGE_ROWS)
    assert free.allocate(4 * PART_ROWS)


def test_a_lease_grows_by_parts_and_keeps_what_is_in_it() -> None:
    arena = Arena(0)
    plane, lease, numbers = arena.plane(8), Lease(arena.plane(8)), count(1)
    others = [filled(arena, PART_ROWS, 8, 99) for _ in range(3)]
    for row in range(3 * PAGE_ROWS):
        lease.reserve(row + 1)
        assert row < lease.size < max(PART_ROWS, 2 * row) + PART_ROWS
        plane.codes[lease.place(row)] = next(numbers) % 100
        plane.scales[lease.place(row)] = row
    places = lease.places(np.arange(3 * PAGE_ROWS))
    assert (plane.codes[places, 0] == np.arange(1, 3 * PAGE_ROWS + 1) % 100).all()
    assert (plane.scales[places] == np.arange(3 * PAGE_ROWS)).all()
    assert [run.stop - run.start for run in lease.runs(2 * PAGE_ROWS + 5)] == [
        PAGE_ROWS,
        PAGE_ROWS,
        5,
    ]
    assert all((plane.codes[each.places(np.arange(PART_ROWS))] == 99).all() for each in others)
    assert arena.nbytes == (3 * PAGE_ROWS + 3 * PART_ROWS) * 12


def test_what_one_leaves_serves_the_next_and_bytes_count_pages() -> None:
    arena = Arena(0)
    first, second = filled(arena, 300, 16, 1), filled(arena, 10, 16, 2)
    assert arena.nbytes == (PAGE_ROWS + 2 * PART_ROWS + PART_ROWS) * 20
    end = arena.plane(16).end
    del first
    assert arena.nbytes == PART_ROWS * 20 == second.nbytes - 2 * second.firsts.nbytes
    third = filled(arena, 300, 16, 3)
    assert arena.plane(16).end == end
    assert (arena.plane(16).codes[second.places(np.arange(10))] == 2).all()
    assert arena.nbytes == (PAGE_ROWS + 3 * PART_ROWS) * 20
    del third


def test_memory_is_taken_where_rows_are_written_and_given_back() -> None:
    before, arena = resident(), Arena(64 << 30)
    arena.plane(384)
    assert arena.plane(384) is arena.plane(384)
    assert resident() - before < 4 * MIB  # of 256 GiB of address space
    leases = [filled(arena, 1000, 384, 1) for _ in range(100)]
    taken = resident() - before
    assert taken == pytest.approx(arena.nbytes, rel=0.1)
    leases.clear()
    assert resident() - before < 0.1 * taken


def test_what_is_given_back_reads_as_zeros_and_its_neighbours_stay() -> None:
    room = ReservedMemory(4 * mmap.PAGESIZE)
    array = room.array(np.int8, 4 * mmap.PAGESIZE)
    array[:] = 7
    room.release(mmap.PAGESIZE - 10, 2 * mmap.PAGESIZE)
    kept = np.flatnonzero(array == 0)
    assert (kept[0], len(kept)) == (mmap.PAGESIZE, mmap.PAGESIZE)


def test_threads_take_and_give_rows_at_once() -> None:
    arena = Arena(0)

    def work(value: int) -> bool:
        held = [filled(arena, 40 * (1 + number % 9), 12, value) for number in range(200)]
        found = [each.plane.codes[each.places(np.arange(each.size))] for each in held]
        return all((codes == value).all() for codes in found)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(1, 9)))
    gc.collect()
    assert arena.nbytes == 0


def test_less_address_space_makes_a_smaller_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scarce(ReservedMemory):
        def __init__(self, size: int) -> None:
            if size > 64 * MIB:
                raise OSError(12, "Cannot allocate memory")
            super().__init__(size)

    monkeypatch.setattr("semvec.kernels.arena.ReservedMemory", Scarce)
    assert 16 * MIB < Arena(0).plane(384).codes.nbytes <= 64 * MIB
    with pytest.raises(Unavailable, match="no address space for vectors: Cannot allocate"):
        Arena(0).plane(16384)


def test_any_number_of_widths_leaves_address_space_and_a_plane_goes_with_its_last_row() -> None:
    arena = Arena(64 << 30)
    leases = [filled(arena, 1, width, 1) for width in range(1, 500)]
    reserved = [lease.plane.reserved for lease in leases if isinstance(lease.plane, SharedPool)]
    assert sum(reserved) < 1 << 46
    assert min(reserved) > 1 << 20
    assert max(reserved) > 200 << 30
    leases.clear()
    assert arena.nbytes == 0
    assert arena.plane(7).reserved > 200 << 30


def test_a_plane_of_ones_own_has_no_more_rows_than_were_asked_for() -> None:
    lease = Lease(OwnPool(8))
    for rows in (1, 40, 200, 300):
        lease.reserve(rows)
        assert len(lease.plane.codes) == lease.size
        assert lease.places(np.arange(rows)).tolist() == list(range(rows))
