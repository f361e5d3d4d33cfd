"""The forward pass on a device beside float64."""

from typing import Any

import numpy as np
import pytest

from semvec.embed.architecture import Architecture
from semvec.embed.forward import Forward, Passed
from semvec.embed.packaged import DIRECTORY
from semvec.embed.packed import MOST_POOLED, PackedTexts
from semvec.embed.weights import HostArray, Weights
from semvec.kernels.device import GpuDevice
from semvec.kernels.rows import quantise
from semvec.tokens import kept_of, pooled, projected
from semvec.vectors import Vector
from tests.devices import card, emulated
from tests.embed.drawn import CONFIG, random_tensors
from tests.embed.exact import Exact, unit

TINY = CONFIG | {"num_attention_heads": 1, "vocab_size": 40}


@pytest.fixture(scope="session", params=["emulated", "cupy"])
def device(request: pytest.FixtureRequest) -> GpuDevice:
    return emulated() if request.param == "emulated" else card()


def shape_of(config: dict[str, Any], **changed: Any) -> Architecture:
    merged = config | changed
    first = merged.pop("first_position", 0)
    return Architecture(
        vocabulary=merged["vocab_size"],
        hidden=merged["hidden_size"],
        layers=merged["num_hidden_layers"],
        heads=merged["num_attention_heads"],
        intermediate=merged["intermediate_size"],
        positions=merged["max_position_embeddings"],
        first_position=first,
        token_types=merged["type_vocab_size"],
        epsilon=merged["layer_norm_eps"],
        pooling=merged.get("pooling", "mean"),
        window=merged["max_position_embeddings"] - first,
    )


def weights_of(shape: Architecture, **changed: HostArray) -> Weights:
    """Random ones but for tensors that are `changed`."""
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size")
    sizes = (shape.hidden, shape.intermediate, shape.layers, shape.vocabulary)
    rest = {"max_position_embeddings": shape.positions, "type_vocab_size": shape.token_types}
    config = dict(zip(names, sizes, strict=True)) | rest
    return Weights(random_tensors(config) | changed)


def packed(ids: list[list[int]], weights: list[Vector] | None = None) -> PackedTexts:
    """All tokens but the first and the last of each window are its own."""
    own = [slice(1, max(1, len(each) - 1), 1) for each in ids]
    counts = [each.stop - 1 for each in own]
    given = [np.ones(count, np.float32) for count in counts] if weights is None else weights
    return PackedTexts.of([np.array(each) for each in ids], own, given)


def drawn(lengths: list[int], vocabulary: int) -> list[list[int]]:
    random = np.random.default_rng(len(lengths))
    return [random.integers(0, vocabulary, length).tolist() for length in lengths]


def assert_agree(passed: Passed, exact: Exact, ids: list[list[int]], apart: float) -> None:
    """`apart`: what a cosine may lack of 1."""
    begin = 0
    for place, each in enumerate(ids):
        vector, tokens = exact.vectors(each)
        assert 1.0 - passed.pooled[place] @ vector < apart
        known = unit(projected(tokens[1:-1].astype(np.float32)).astype(np.float64))
        mine = passed.tokens[begin : begin + len(known)]
        assert (1.0 - (mine * known).sum(axis=1)).max(initial=0.0) < apart
        begin += len(known)
    for vectors in (passed.pooled, passed.tokens):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert begin == len(passed.tokens)


@pytest.mark.parametrize(
    ("changed", "lengths"),
    [
        ({}, [1]),
        ({}, [2]),
        ({}, [3, 1, 16, 2, 17, 5]),
        ({}, [64, 15, 33, 31, 32, 64]),
        ({"pooling": "cls", "first_position": 2}, [7, 2, 20]),
        ({"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 1}, [9, 40]),
        ({"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 1}, [5, 16, 35]),
        ({"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 1}, [3, 18]),
        ({"num_hidden_layers": 0}, [4, 6]),
    ],
)
def test_a_model_is_computed_as_defined(
    device: GpuDevice, changed: dict[str, Any], lengths: list[int]
) -> None:
    shape = shape_of(TINY, **changed)
    weights, ids = weights_of(shape), drawn(lengths, shape.vocabulary)
    passed = Forward(device, shape, weights, 256).run(packed(ids))
    assert_agree(passed, Exact(shape, weights), ids, 2e-5)


def test_the_packaged_encoder_is_computed_as_defined(device: GpuDevice) -> None:
    shape, weights = Architecture.read(DIRECTORY), Weights.load(DIRECTORY / "model.safetensors")
    ids = drawn([22, 3, 2, 50], shape.vocabulary)
    passed = Forward(device, shape, weights, 1).run(packed(ids))
    assert_agree(passed, Exact(shape, weights), ids, 1e-5)


def test_a_window_has_the_same_vectors_alone_and_among_others(device: GpuDevice) -> None:
    shape = shape_of(TINY)
    forward, ids = Forward(device, shape, weights_of(shape), 256), drawn([9, 30, 17, 2], 40)
    together, begin = forward.run(packed(ids)), 0
    for place, each in enumerate(ids):
        alone = forward.run(packed([each]))
        np.testing.assert_allclose(together.pooled[place], alone.pooled[0], atol=2e-3)
        end = begin + len(alone.tokens)
        np.testing.assert_allclose(together.tokens[begin:end], alone.tokens, atol=5e-3)
        begin = end


def test_a_pass_leaves_nothing_behind_for_the_next_one(device: GpuDevice) -> None:
    shape = shape_of(TINY)
    forward, ids = Forward(device, shape, weights_of(shape), 128), drawn([12, 5], 40)
    before = forward.run(packed(ids))
    forward.run(packed(drawn([60, 60], 40)))
    after = forward.run(packed(ids))
    for first, second in ((before.pooled, after.pooled), (before.tokens, after.tokens)):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("told", [1, 2, 7, 23, MOST_POOLED])
def test_tokens_are_pooled_as_on_the_cpu(device: GpuDevice, told: int) -> None:
    shape = shape_of(TINY, max_position_embeddings=256)
    random = np.random.default_rng(told)
    ids = drawn([told + 2 + told // 3, 12, 2], shape.vocabulary)
    weights = [random.choice([0.2, 1.0], len(each) - 2).astype(np.float32) for each in ids]
    weights[0][told:] = 0.0
    whole = packed(ids, weights)
    passed, begin = Forward(device, shape, weights_of(shape), 256).run(whole), 0
    assert np.diff(whole.rooms).tolist() == [
        min(kept_of(len(each)), np.count_nonzero(each)) for each in weights
    ]
    for place, each in enumerate(weights):
        vectors = passed.tokens[begin : begin + len(each)]
        heard = each > 0.0
        known = quantise(pooled(vectors[heard], each[heard], kept_of(len(each))))
        mine = passed.codes[whole.rooms[place] : whole.rooms[place + 1]]
        np.testing.assert_allclose(mine, known, atol=1)
        begin += len(each)


def test_equal_tokens_are_pooled_to_what_they_are(device: GpuDevice) -> None:
    """Costs are all the same: nearest ones run in rings, and rounds must end."""
    shape = shape_of(TINY)
    nowhere = {"embeddings.position_embeddings.weight": np.zeros((64, 32), np.float32)}
    weights = weights_of(shape, **nowhere)
    passed = Forward(device, shape, weights, 64).run(packed([[5] * 30]))
    assert passed.codes.shape == (kept_of(28), 32)
    np.testing.assert_allclose(passed.codes, np.broadcast_to(passed.codes[0], (13, 32)), atol=1)


def test_windows_with_too_many_tokens_to_pool_are_left_to_the_cpu(device: GpuDevice) -> None:
    shape = shape_of(TINY, max_position_embeddings=128)
    whole = packed(drawn([MOST_POOLED + 3, 6], 40))
    passed = Forward(device, shape, weights_of(shape), 128).run(whole)
    assert np.diff(whole.rooms).tolist() == [0, kept_of(4)]
    assert passed.codes.shape == (kept_of(4), 32)
    assert whole.most_pooled == 4


def test_more_tokens_than_there_is_room_for_are_refused() -> None:
    shape = shape_of(TINY)
    forward = Forward(emulated(), shape, weights_of(shape), 70)
    with pytest.raises(ValueError, match="80 tokens are more than the 70 of one pass"):
        forward.run(packed(drawn([40, 40], 40)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hidden_size": 36}, "states of 36 and 64 numbers"),
        ({"hidden_size": 2048, "num_attention_heads": 32}, "have 1024 at most"),
        ({"intermediate_size": 60}, "states of 32 and 60 numbers"),
        ({"num_attention_heads": 4}, "attention heads of 8 numbers"),
    ],
)
def test_a_model_that_the_kernels_have_no_room_for_is_refused(
    changed: dict[str, int], said: str
) -> None:
    shape = shape_of(TINY, **changed)
    with pytest.raises(ValueError, match=said):
        Forward(emulated(), shape, Weights({}), 64)


def test_weights_that_overflow_float16_are_refused() -> None:
    shape = shape_of(TINY)
    large = {"encoder.layer.1.output.dense.weight": np.full((32, 64), 7e4, np.float32)}
    with pytest.raises(ValueError, match="float16 has no room"):
        Forward(emulated(), shape, weights_of(shape, **large), 64)
