import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels.numpy_ import cosines, nearer_cosines

Matrices = tuple[npt.NDArray[np.float64], ...]


@st.composite
def matrices(draw: st.DrawFn) -> Matrices:
    """Queries, texts and questions; sizes from none to a few, rows at unit length or zero."""
    m, n, d = draw(st.integers(0, 3)), draw(st.integers(0, 9)), draw(st.integers(1, 17))
    found = []
    for rows in (m, n, n):
        raw = draw(hnp.arrays(np.float64, (rows, d), elements=st.floats(-1, 1)))
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        found.append(np.divide(raw, lengths, out=np.zeros_like(raw), where=lengths > 1e-3))
    return tuple(found)


@given(matrices())
def test_float32_agrees_with_the_float64_reference(given_rows: Matrices) -> None:
    queries, texts, _ = given_rows
    exact = np.einsum("md,nd->mn", queries, texts)
    found = cosines(queries.astype(np.float32), texts.astype(np.float32))
    assert found.dtype == np.float32
    assert found.shape == (len(queries), len(texts))
    np.testing.assert_allclose(found, exact, atol=1e-6)
    np.testing.assert_allclose(cosines(queries, texts), exact, atol=1e-12)


@given(matrices())
def test_the_nearer_of_text_and_question_counts(given_rows: Matrices) -> None:
    queries, texts, questions = given_rows
    copies = [rows.copy() for rows in given_rows]
    found = nearer_cosines(queries, texts, questions)
    assert bool((found >= cosines(queries, texts) - 1e-12).all())
    assert bool((found >= cosines(queries, questions) - 1e-12).all())
    for rows, copy in zip(given_rows, copies, strict=True):
        np.testing.assert_array_equal(rows, copy)
