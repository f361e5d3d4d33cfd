from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from semvec.embed.weights import HostArray, Weights, write_tensors

FIRST = "embeddings.word_embeddings.weight"
TENSORS: dict[str, HostArray] = {
    FIRST: np.arange(12, dtype=np.float32).reshape(4, 3),
    "pooler.scale": np.array([1.5, -2.0], np.float32),
    "small": np.array([[1, -128, 127]], np.int8),
}


def test_what_is_written_the_safetensors_library_reads(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w", TENSORS)
    read = load_file(tmp_path / "w")
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


def test_what_the_safetensors_library_writes_is_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "w", metadata={"format": "pt"})
    weights = Weights.load(tmp_path / "w")
    np.testing.assert_array_equal(weights.matrix(FIRST, (4, 3)).values, TENSORS[FIRST])
    np.testing.assert_array_equal(weights.vector("pooler.scale", 2), TENSORS["pooler.scale"])


def test_half_precision_is_widened(tmp_path: Path) -> None:
    values = np.array([[0.5, -3.0]], np.float32)
    half: dict[str, HostArray] = {
        FIRST: values.astype(np.float16),
        "brain": (values.view(np.uint32) >> 16).astype("<u2"),
    }
    write_tensors(tmp_path / "w", half)
    weights = Weights.load(tmp_path / "w")
    for name in half:
        read = weights.matrix(name, (1, 2)).values
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, values)


def test_a_prefix_before_every_name_is_left_out() -> None:
    weights = Weights({f"bert.{name}": tensor for name, tensor in TENSORS.items()})
    assert weights.vector("pooler.scale", 2)[0] == 1.5


def test_an_int8_matrix_stands_for_its_scaled_values() -> None:
    tensors: dict[str, HostArray] = {
        "dense.weight": np.array([[100, -50], [10, 20]], np.int8),
        "dense.weight.scale": np.array([0.01, 0.1], np.float32),
        "dense.weight.input_scale": np.array([1.0, 2.0], np.float32),
    }
    real = Weights(tensors).matrix("dense.weight", (2, 2)).dequantised()
    np.testing.assert_allclose(real, [[1.0, -0.25], [1.0, 1.0]], rtol=1e-6)


def test_a_missing_tensor_and_a_wrong_shape_are_named() -> None:
    weights = Weights(TENSORS)
    with pytest.raises(ValueError, match="lack the tensor pooler"):
        weights.vector("pooler.bias", 2)
    with pytest.raises(ValueError, match=r"pooler.scale has shape \(2,\).*\(3,\)"):
        weights.vector("pooler.scale", 3)


@pytest.mark.parametrize("kept", [0, 7, 20, -1])
def test_a_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    write_tensors(tmp_path / "w", TENSORS)
    whole = (tmp_path / "w").read_bytes()
    (tmp_path / "w").write_bytes(whole[:kept])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        Weights.load(tmp_path / "w")
