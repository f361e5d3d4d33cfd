"""The k nearest rows beside float64: in NumPy, by the CUDA sources on the CPU, and on a card."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.nearest import COSINE_TOP, DeviceNearest, cosine_top
from semvec.kernels import numpy_
from semvec.kernels.device import GpuDevice
from semvec.kernels.protocol import Kernels, QuantisedRows, Runs, Top
from semvec.kernels.sources import SOURCES
from tests import devices
from tests.kernels import cases
from tests.kernels.cases import AWAY, CODES_AWAY, seeds, unchanged
from tests.kernels.emulated import Emulated
from tests.kernels.test_ragged import check_top, few


@dataclass(frozen=True)
class Searched:
    """Kernels, and their search."""

    kernels: Kernels
    cosine_top: Callable[..., Top]


@cache
def emulated() -> GpuDevice:
    devices.emulated()
    return Emulated((*SOURCES, COSINE_TOP))


@cache
def on_card() -> GpuDevice:
    devices.card()
    from semvec.kernels.cupy_ import CudaDevice

    return CudaDevice(0, (*SOURCES, COSINE_TOP))


@pytest.fixture(scope="session", params=["numpy", "emulated", "cupy"])
def searched(request: pytest.FixtureRequest) -> Searched:
    if request.param == "numpy":
        return Searched(numpy_, cosine_top)
    nearest = DeviceNearest(emulated() if request.param == "emulated" else on_card())
    return Searched(nearest, nearest.cosine_top)


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4), st.integers(1, 40))
def test_the_nearest_rows_are_found(
    searched: Searched, seed: int, dimension: int, kind: str, number: int, k: int
) -> None:
    rng, kernels = np.random.default_rng(seed), searched.kernels
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 300, dimension), kind)
    ids = cases.some_ids(rng, len(exact))
    runs = cases.some_runs(rng, number, len(exact), most=1)
    queries = cases.queries(rng, number, dimension)
    (placed,) = kernels.upload(ids)
    with unchanged(kernels, rows, placed, runs, queries):
        top = searched.cosine_top(queries, rows, placed, runs, k)
    at = cases.rows_of(runs)
    cosines = [exact[own] @ query for own, query in zip(at, queries, strict=True)]
    check_top(
        top, cosines, [ids[own].tolist() for own in at], k, CODES_AWAY if kind == "int8" else AWAY
    )


@pytest.mark.parametrize("k", [1, 10, 33, 128])
def test_a_long_session_is_split_over_blocks(searched: Searched, k: int) -> None:
    rng, kernels = np.random.default_rng(1), searched.kernels
    rows, exact = cases.placed_rows(kernels, cases.unit(rng, 3000, 32), "int8")
    queries = cases.queries(rng, 2, 32)
    runs = Runs(np.array([0, 900, 2999]), np.array([700, 2100, 1]), np.array([0, 2, 3]))
    top = searched.cosine_top(queries, rows, *kernels.upload(np.arange(3000)), runs, k)
    at = cases.rows_of(runs)
    check_top(top, [exact[at[0]] @ queries[0], exact[at[1]] @ queries[1]], at, k, CODES_AWAY)


def test_equal_rows_come_by_the_newest(searched: Searched) -> None:
    values, ids = searched.kernels.upload(
        np.full((200, 16), 0.25, np.float32), np.random.default_rng(2).permutation(200)
    )
    query, runs = np.full((1, 16), 0.25, np.float32), Runs.single([0], [200])
    top = searched.cosine_top(query, QuantisedRows(values), ids, runs, 50)
    assert top.ids[0].tolist() == list(range(199, 149, -1))
