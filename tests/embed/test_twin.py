"""Each of the encoder's kernels by itself, beside the same in NumPy."""

import math
from typing import Any

import numpy as np
import pytest

from semvec.embed.packed import PackedTexts
from semvec.kernels.device import BLOCK_THREADS, WARP, GpuDevice
from semvec.kernels.protocol import HostNumbers
from tests.devices import card, emulated
from tests.embed.twin import Twin

EPSILON = np.float32(1e-12)


@pytest.fixture(scope="module", params=["emulated", "cupy"])
def device(request: pytest.FixtureRequest) -> GpuDevice:
    return emulated() if request.param == "emulated" else card()


def drawn(*shape: int, seed: int = 0, dtype: Any = np.float16) -> HostNumbers:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both(
    device: GpuDevice, kernel: str, blocks: int, *arguments: Any, shared: int = 0
) -> list[HostNumbers]:
    """What the last argument holds after the device has run and after the twin has."""
    found = []
    for each in (device, Twin()):
        placed = [
            each.place(argument) if isinstance(argument, np.ndarray) else argument
            for argument in arguments
        ]
        each.launch(kernel, None, (blocks, 1), BLOCK_THREADS, shared, *placed)
        found += each.download(placed[-1])
    return found


def by_row(rows: int) -> int:
    return -(-rows * WARP // BLOCK_THREADS)


@pytest.mark.parametrize(("rows", "d"), [(1, 8), (9, 264), (7, 384), (3, 1024)])
def test_states_are_normed(device: GpuDevice, rows: int, d: int) -> None:
    norm = drawn(d, seed=1, dtype=np.float32), drawn(d, seed=2, dtype=np.float32), EPSILON
    sizes = np.int64(rows), np.int32(d)
    ids, at = np.arange(rows, dtype=np.int32)[::-1] % 5, np.arange(rows, dtype=np.int32) % 3
    tables = drawn(5, d, seed=3), drawn(3, d, seed=4)
    empty = np.zeros((rows, d), np.float16)
    at_words = *tables, np.ascontiguousarray(ids), at, *sizes, *norm, empty
    mine, known = both(device, "embedded", by_row(rows), *at_words)
    np.testing.assert_allclose(mine, known, atol=2e-3, rtol=1e-3)
    added, bias = 30 * drawn(rows, d, seed=5), drawn(d, seed=6, dtype=np.float32)
    in_layers = added, bias, *sizes, *norm, 30 * drawn(rows, d, seed=7)
    mine, known = both(device, "residual", by_row(rows), *in_layers)
    np.testing.assert_allclose(mine, known, atol=2e-3, rtol=1e-3)


def test_a_large_mean_costs_no_variance(device: GpuDevice) -> None:
    ones, zeros = np.ones(384, np.float32), np.zeros(384, np.float32)
    sizes = np.int64(4), np.int32(384)
    states = drawn(4, 384) + np.float16(1000.0)
    arguments = np.zeros_like(states), zeros, *sizes, ones, zeros, EPSILON, states
    mine, known = both(device, "residual", 1, *arguments)
    np.testing.assert_allclose(mine, known, atol=2e-3)
    np.testing.assert_allclose(mine.astype(np.float32).std(axis=1), 1.0, atol=1e-2)


@pytest.mark.parametrize(("rows", "d"), [(1, 8), (5, 1536), (33, 64)])
def test_gelu(device: GpuDevice, rows: int, d: int) -> None:
    values = 4 * drawn(rows, d)
    values[0, :4] = [-60000, -9, 0, 60000]
    bias = drawn(d, dtype=np.float32)
    sizes, blocks = (np.int64(rows), np.int32(d)), -(-rows * d // (8 * BLOCK_THREADS))
    mine, known = both(device, "gelu", blocks, bias, *sizes, values)
    np.testing.assert_allclose(mine, known, atol=1e-3, rtol=1e-3)


def test_rows_are_chosen_at_unit_length(device: GpuDevice) -> None:
    rows, chosen = drawn(9, 128), np.array([8, 0, 0, 3], np.int32)
    rows[3] = 0
    sizes = np.int64(4), np.int32(128)
    found = np.full((4, 128), 7, np.float32)
    mine, known = both(device, "units", by_row(4), rows, chosen, *sizes, found)
    np.testing.assert_allclose(mine, known, atol=1e-6)
    assert not mine[3].any()


def test_windows_are_summed(device: GpuDevice) -> None:
    lengths = np.array([1, 9, 30, 8], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    found = np.zeros((4, 384), np.float32)
    arguments = drawn(48, 384), starts, lengths, np.int32(384), found
    mine, known = both(device, "pooled", 4, *arguments, shared=8 * 384 * 4)
    np.testing.assert_allclose(mine, known, atol=1e-6)


@pytest.mark.parametrize(("numbers", "heads"), [(32, 3), (64, 2)])
@pytest.mark.parametrize("lengths", [[1], [2, 16, 1], [17, 50, 33]])
@pytest.mark.parametrize("sharp", [1.0, 12.0])
def test_attention_keeps_to_its_window(
    device: GpuDevice, numbers: int, heads: int, lengths: list[int], sharp: float
) -> None:
    """`sharp` weights: all of one key, where the highest score has to be taken off first."""
    total, width = sum(lengths), numbers * heads
    ids = [np.zeros(length, np.int32) for length in lengths]
    tiles = PackedTexts.of(
        ids, [slice(0, 0, 1)] * len(ids), [np.ones(0, np.float32)] * len(ids)
    ).tiles()
    parts = np.float16(sharp) * drawn(total, 3 * width)
    biases = drawn(3 * width, dtype=np.float32)
    scale = np.float32(math.log2(math.e) / math.sqrt(numbers))
    sizes = np.int32(len(tiles)), np.int32(heads)
    arguments = parts, biases, tiles, *sizes, scale, np.zeros((total, width), np.float16)
    mine, known = both(device, f"heads_{numbers}", by_row(len(tiles) * heads), *arguments)
    np.testing.assert_allclose(mine, known, atol=3e-3 * sharp, rtol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_vectors_are_pooled_in_the_same_rounds(device: GpuDevice, seed: int) -> None:
    random = np.random.default_rng(seed)
    numbers, kept = np.array([30, 1, 12, 5, 40]), np.array([14, 1, 12, 0, 3])
    vectors = drawn(90, 128, seed=seed, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    heard = np.sort(random.choice(90, numbers.sum(), replace=False)).astype(np.int32)
    weights = random.choice([0.2, 1.0], len(heard)).astype(np.float32)
    firsts, rooms = (np.append(0, np.cumsum(each)).astype(np.int32) for each in (numbers, kept))
    codes = np.zeros((rooms[-1], 128), np.int8)
    arguments = vectors, np.int32(128), heard, weights, firsts, rooms, codes
    mine, known = both(device, "clustered", 5, *arguments, shared=4 * 40 * (128 + 40 + 5))
    np.testing.assert_allclose(mine, known, atol=1)
