from pathlib import Path

import numpy as np

from semvec.embed.architecture import Architecture
from semvec.embed.model import CpuModel
from semvec.embed.quantise import quantise
from semvec.embed.weights import Weights
from tests.embed.models import write_model
from tests.embed.reference import Reference

TEXTS = ("the cat", "a boat sailing the boats", "cats sail", "")


def test_the_int8_form_gives_nearly_the_same_vectors(tmp_path: Path) -> None:
    source = write_model(tmp_path / "source")
    quantise(source, tmp_path / "target")
    exact, model = Reference(source), CpuModel.load(tmp_path / "target")
    for text in TEXTS:
        (encoded,) = model.run(model.windows.cut(text))
        assert encoded.vector @ exact.encode(text)[0] > 0.998


def test_its_matrices_stand_for_those_of_the_source(tmp_path: Path) -> None:
    source = write_model(tmp_path / "source")
    quantise(source, tmp_path / "target")
    shape = Architecture.read(tmp_path / "target")
    before = Weights.load(source / "model.safetensors")
    after = Weights.load(tmp_path / "target" / "model.safetensors")
    for name, size in (
        ("embeddings.word_embeddings.weight", (shape.vocabulary, shape.hidden)),
        ("encoder.layer.1.attention.self.key.weight", (shape.hidden, shape.hidden)),
        ("encoder.layer.0.output.dense.weight", (shape.hidden, shape.intermediate)),
    ):
        matrix = after.matrix(name, size)
        assert matrix.values.dtype == np.int8
        real = before.matrix(name, size).values
        assert np.abs(matrix.dequantised() - real).max() < np.abs(real).max() / 100


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_model(tmp_path / "source")
    first, second = (quantise(source, tmp_path / name) for name in ("first", "second"))
    assert first == second
    assert set(first) == {
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
