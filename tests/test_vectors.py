import math
from collections.abc import Sequence

import numpy as np
import pytest

from semvec.errors import Invalid
from semvec.vectors import blend, blend_scale, packed, unit_vector, unpacked


@pytest.mark.parametrize("size", [1.0, 1e300, 1e-300, 5e-324])
def test_a_vector_of_any_size_keeps_its_direction(size: float) -> None:
    unit = unit_vector([3 * size, 0.0, -4 * size], 3, "x")
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0.6, 0.0, -0.8], rtol=1e-6)


def test_very_large_and_very_small_components_together() -> None:
    assert unit_vector([1e300, 1e-300], 2, "x").tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.0, 0.0, 0.0], "zero vector"),
        ([0.0, -0.0, 0.0], "zero vector"),
        ([1.0, math.nan, 0.0], "not finite"),
        ([math.inf, 0.0, 0.0], "not finite"),
        ([1.0, 0.0, -math.inf], "not finite"),
        ([1.0, 0.0], "has 2 numbers, the session's dimension is 3"),
        ([1.0, 0.0, 0.0, 0.0], "has 4 numbers, the session's dimension is 3"),
        ([], "has 0 numbers, the session's dimension is 3"),
    ],
)
def test_what_has_no_direction_or_another_length_is_refused(
    values: Sequence[float], told: str
) -> None:
    with pytest.raises(Invalid) as refused:
        unit_vector(values, 3, "message_embedding")
    (fault,) = refused.value.faults
    assert fault["loc"] == ["body", "message_embedding"]
    assert fault["msg"].startswith("message_embedding ")
    assert told in fault["msg"]


def test_packing_is_exact() -> None:
    vector = np.array([1.0, -1e-45, 3.4e38], np.float32)
    assert unpacked(packed(vector)).tobytes() == vector.tobytes()


def test_a_blend_is_a_unit_vector_between_both() -> None:
    first, second = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    mean = blend(first, second, blend_scale(first, second))
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, [math.sqrt(0.5)] * 2, rtol=1e-6)


def test_opposites_blend_into_nothing() -> None:
    vector = unit_vector([1.0, 2.0, 3.0], 3, "x")
    assert blend_scale(vector, -vector) == 0.0
    assert not blend(vector, -vector, 0.0).any()
