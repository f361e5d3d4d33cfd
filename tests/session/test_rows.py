import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels.numpy_ import quantise
from semvec.session.rows import TokenRows, UnitRows
from semvec.vectors import codes
from tests.session.conversations import unit

P = 8


def tokens(seed: int, number: int) -> bytes:
    return quantise(np.random.default_rng(seed).standard_normal((number, P))).tobytes()


def test_a_vector_has_a_cosine_of_one_with_itself_and_none_once_cleared() -> None:
    rows = UnitRows(12)
    for row in range(40):
        rows.put(row, codes(unit(row)))
    found = rows.cosines(np.stack([unit(7), unit(9)]), slice(0, 40))
    np.testing.assert_allclose(found[:, [7, 9]], [[1, found[0, 9]], [found[1, 7], 1]], atol=1e-4)
    rows.clear(7)
    assert rows.cosines(unit(7)[None], np.array([7])).tolist() == [[0.0]]


@given(st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 24)), max_size=300))
def test_token_rows_hold_what_was_put_there_whatever_went_meanwhile(
    script: list[tuple[int, int | None]],
) -> None:
    """Rows are filled and emptied in any order; gaps are closed on the way."""
    rows, held = TokenRows(P), dict[int, bytes]()
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
    rows, sizes = TokenRows(P), list[int]()
    for step in range(1000):
        if step >= 10:
            rows.clear(step % 10)
        rows.put(step % 10, tokens(step, 24))
        sizes.append(rows.nbytes)
    assert sizes[-1] == sizes[100] < 2 * 10 * 24 * (P + 4) + rows.starts.nbytes * 2
