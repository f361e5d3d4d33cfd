import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from semvec.embed.encoded import Encoded, join
from semvec.embed.model import CpuModel
from semvec.embed.packaged import DIRECTORY, SHA256
from semvec.vectors import Encoding
from tests.embed.models import write_model
from tests.embed.reference import SENTENCES, Reference

EXPECTED = np.array(json.loads(Path(__file__).with_name("expected.json").read_text()))


@pytest.fixture(scope="module")
def packaged() -> CpuModel:
    return CpuModel.load(DIRECTORY, SHA256)


def encode(model: CpuModel, text: str) -> Encoding:
    return join([model.run([window])[0] for window in model.windows.cut(text)])


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.asarray((first * second).sum(axis=-1) / norms)


def test_the_packaged_encoder_gives_what_the_published_one_gives(packaged: CpuModel) -> None:
    ours = np.array([encode(packaged, text).vector for text in SENTENCES])
    agreement = cosines(ours, EXPECTED)
    assert agreement[:-1].mean() > 0.998
    assert agreement.min() > 0.994
    np.testing.assert_allclose(ours @ ours.T, EXPECTED @ EXPECTED.T, atol=0.03)


@pytest.mark.parametrize("text", SENTENCES[:4])
def test_integer_products_cost_little_against_exact_ones(packaged: CpuModel, text: str) -> None:
    pooled, tokens = Reference(DIRECTORY).encode(text)
    (encoded,) = packaged.run(packaged.windows.cut(text))
    assert cosines(encoded.vector, pooled) > 0.998
    assert cosines(encoded.tokens, tokens[1:-1]).min() > 0.99


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize(("kind", "padding"), [("bert", 0), ("roberta", 1), ("xlm-roberta", 1)])
def test_a_float_model_is_computed_as_defined(
    tmp_path: Path, kind: str, padding: int, pooling: str
) -> None:
    directory = write_model(
        tmp_path / "m", pooling=pooling, prefix="bert.", model_type=kind, pad_token_id=padding
    )
    pooled, tokens = Reference(directory).encode("the boats sailing a cat")
    model = CpuModel.load(directory)
    (encoded,) = model.run(model.windows.cut("the boats sailing a cat"))
    np.testing.assert_allclose(encoded.vector, pooled, atol=1e-5)
    np.testing.assert_allclose(encoded.tokens, tokens[1:-1], atol=1e-5)


def test_a_text_has_the_same_vectors_alone_and_in_a_batch(packaged: CpuModel) -> None:
    windows = [packaged.windows.cut(text)[0] for text in (*SENTENCES, "word " * 200)]
    together = packaged.run(windows)
    for window, batched in zip(windows, together, strict=True):
        (alone,) = packaged.run([window])
        assert cosines(alone.vector, batched.vector) > 0.9999
        assert (cosines(alone.tokens, batched.tokens) > 0.9999).all()


def test_all_vectors_have_unit_length(packaged: CpuModel) -> None:
    for text in ("", " ", "one", "the history of the lighthouse " * 90):
        encoding = encode(packaged, text)
        assert encoding.tokens is not None
        assert encoding.tokens.vectors.shape == (len(encoding.tokens.words), 128)
        for vectors in (encoding.vector, encoding.tokens.vectors):
            assert vectors.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)


def test_a_long_text_is_the_mean_of_its_windows(packaged: CpuModel) -> None:
    text = "A lighthouse keeper writes down the weather. " * 60
    parts: list[Encoded] = packaged.run(packaged.windows.cut(text))
    assert len(parts) > 2
    mean = np.mean([part.vector for part in parts], axis=0)
    encoding = encode(packaged, text)
    assert cosines(encoding.vector, mean) > 0.9999
    assert encoding.tokens is not None
    assert len(encoding.tokens.words) == 60 * len(packaged.windows.cut(text[:45])[0].ids[1:-1])


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    copy = shutil.copytree(DIRECTORY, tmp_path / "copy")
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model.safetensors is damaged: its SHA-256 is"):
        CpuModel.load(copy, SHA256)


def test_every_packaged_file_has_a_sum() -> None:
    files = {path for path in DIRECTORY.rglob("*") if path.is_file()}
    assert {str(path.relative_to(DIRECTORY)) for path in files} == set(SHA256)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    directory = write_model(tmp_path / "m")
    (directory / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        CpuModel.load(directory)


def test_weights_that_do_not_fit_the_configuration_are_refused(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    with pytest.raises(ValueError, match=r"intermediate.dense.weight has shape \(64, 32\)"):
        CpuModel.load(directory)


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors, tokenizer\.json"):
        CpuModel.load(tmp_path)
