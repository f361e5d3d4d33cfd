import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels.numpy_ import cosines, quantise, unit_scales
from semvec.kernels.pages import PAGE_ROWS, OwnPool
from semvec.session.rows import MAX_TOKENS_PER_MEMORY, TokenRows, UnitRows
from semvec.vectors import codes
from tests.session.conversations import unit

P = 8


def tokens(seed: int, number: int) -> bytes:
    return quantise(np.random.default_rng(seed).standard_normal((number, P))).tobytes()


def test_a_vector_has_a_cosine_of_one_with_itself_and_none_once_cleared() -> None:
    rows = UnitRows(OwnPool(12))
    for row in range(40):
        rows.put(row, codes(unit(row)))
    found = rows.cosines(np.stack([unit(7), unit(9)]), 40)
    np.testing.assert_allclose(found[:, [7, 9]], [[1, found[0, 9]], [found[1, 7], 1]], atol=1e-4)
    rows.clear(7)
    assert rows.cosines_of(unit(7)[None], np.array([7])).tolist() == [[0.0]]


@given(st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 24)), max_size=300))
def test_token_rows_hold_what_was_put_there_whatever_went_meanwhile(
    script: list[tuple[int, int | None]],
) -> None:
    """Rows are filled and emptied in any order; gaps are closed on the way."""
    rows, held = TokenRows(OwnPool(P)), dict[int, bytes]()
    for step, (row, number) in enumerate(script):
        if row in held:
            del held[row]
            rows.clear(row)
        elif number is not None:
            held[row] = tokens(step, number)
            rows.put(row, held[row])
    for row, packed in held.items():
        assert rows.packed(row) == (packed or None)


def test_what_goes_makes_room_for_what_comes() -> None:
    rows, sizes = TokenRows(OwnPool(P)), list[int]()
    for step in range(1000):
        if step >= 10:
            rows.clear(step % 10)
        rows.put(step % 10, tokens(step, 24))
        sizes.append(rows.nbytes)
    held = 10 * 24
    assert sizes[-1] == sizes[100] < (held * 4 / 3 + PAGE_ROWS) * (P + 4) + rows.starts.nbytes * 2


def test_a_memory_of_many_token_vectors_has_a_page_and_one_of_more_is_refused() -> None:
    rows = TokenRows(OwnPool(P))
    for row, number in enumerate([10, MAX_TOKENS_PER_MEMORY, 20, MAX_TOKENS_PER_MEMORY]):
        rows.put(row, tokens(row, number))
    assert [rows.packed(row) for row in range(4)] == [
        tokens(row, number)
        for row, number in enumerate([10, MAX_TOKENS_PER_MEMORY, 20, MAX_TOKENS_PER_MEMORY])
    ]
    with pytest.raises(ValueError, match="257 token vectors"):
        rows.put(4, tokens(4, MAX_TOKENS_PER_MEMORY + 1))


@pytest.mark.parametrize("count", [1, 31, 33, 256, 257, 700])
def test_a_scan_over_pages_finds_what_one_over_a_matrix_does(count: int) -> None:
    rows = UnitRows(OwnPool(12))
    kept = [codes(unit(row)) for row in range(count)]
    for row, each in enumerate(kept):
        rows.put(row, each)
    matrix = np.frombuffer(b"".join(kept), np.int8).reshape(-1, 12)
    queries = np.stack([unit(3), unit(5)])
    expected = cosines(queries, matrix, unit_scales(matrix))
    np.testing.assert_array_equal(rows.cosines(queries, count), expected)
    some = np.arange(0, count, 3)
    np.testing.assert_allclose(rows.cosines_of(queries, some), expected[:, some], atol=1e-6)
