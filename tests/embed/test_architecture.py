import json
from pathlib import Path

import pytest

from semvec.embed.architecture import Architecture
from tests.embed.models import write_model


def test_a_directory_says_what_its_model_is(tmp_path: Path) -> None:
    shape = Architecture.read(write_model(tmp_path / "m", pooling="cls"))
    assert (shape.hidden, shape.layers, shape.heads, shape.pooling) == (32, 2, 4, "cls")
    assert (shape.first_position, shape.window) == (0, 64)


def test_roberta_counts_positions_after_the_padding_id(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", model_type="roberta", pad_token_id=1)
    shape = Architecture.read(model)
    assert (shape.first_position, shape.window) == (2, 62)


@pytest.mark.parametrize(("asked", "window"), [(48, 48), (4096, 64)])
def test_the_window_is_the_shorter_of_both_limits(tmp_path: Path, asked: int, window: int) -> None:
    model = write_model(tmp_path / "m")
    (model / "sentence_bert_config.json").write_text(f'{{"max_seq_length": {asked}}}')
    assert Architecture.read(model).window == window


def test_without_a_pooling_file_the_mean_is_taken(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    (model / "1_Pooling" / "config.json").unlink()
    assert Architecture.read(model).pooling == "mean"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "distilbert"}, "model_type 'distilbert' is not supported"),
        ({"hidden_act": "relu"}, "hidden_act 'relu' is not supported"),
        ({"position_embedding_type": "relative_key"}, "only absolute position embeddings"),
        ({"pooling": "max"}, r"pooling \['pooling_mode_max_tokens'\] is not supported"),
    ],
)
def test_what_cannot_be_built_is_named(
    tmp_path: Path, config: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture.read(write_model(tmp_path / "m", **config))


def test_a_further_module_is_not_passed_over(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    kinds = ["Transformer", "Pooling", "Dense"]
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match="a module Dense is not supported"):
        Architecture.read(model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"model_type": "bert"}', "config.json lacks 'max_position_embeddings'"),
    ],
)
def test_a_broken_configuration_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        Architecture.read(tmp_path)
