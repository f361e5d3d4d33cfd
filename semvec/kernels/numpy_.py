"""Every vector operation in NumPy: the definition, and the path without a GPU.

float64 in, float64 out gives the reference for every other path.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Real = TypeVar("Real", np.float32, np.float64)


def cosines(queries: npt.NDArray[Real], rows: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Cosines of unit vectors, shape (m, n), of queries (m, d) to rows (n, d); 0 for zero rows.

    One pass over the rows serves all queries: reading them is what takes the time.
    """
    products: npt.NDArray[Real] = queries @ rows.T
    return products


def nearer_cosines(
    queries: npt.NDArray[Real], texts: npt.NDArray[Real], questions: npt.NDArray[Real]
) -> npt.NDArray[Real]:
    """The higher of the cosines to each row's text and question, both (n, d); shape (m, n)."""
    higher: npt.NDArray[Real] = np.maximum(cosines(queries, texts), cosines(queries, questions))
    return higher
