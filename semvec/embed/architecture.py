"""What a model directory says of its model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

Pooling = Literal["mean", "cls"]

POSITIONS_AFTER_PADDING = {"bert": False, "roberta": True, "xlm-roberta": True}
"""Model types that can be built; RoBERTa counts positions from the padding id + 1, BERT from 0."""

MODULES = frozenset({"Transformer", "Pooling", "Normalize"})
"""What a sentence-transformers model may consist of; vectors come out normalised in any case."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of a BERT-family encoder; `window` is the most tokens it takes, special ones too."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    first_position: int
    token_types: int
    epsilon: float
    pooling: Pooling
    window: int

    @classmethod
    def read(cls, directory: Path) -> Self:
        """From `config.json` and what lies beside it; ValueError for an unknown kind of model."""
        config = _json(directory / "config.json")
        kind = config.get("model_type")
        if kind not in POSITIONS_AFTER_PADDING:
            known = ", ".join(POSITIONS_AFTER_PADDING)
            raise ValueError(f"{directory}: model_type {kind!r} is not supported (only {known})")
        if (activation := config.get("hidden_act", "gelu")) != "gelu":
            raise ValueError(f"{directory}: hidden_act {activation!r} is not supported (only gelu)")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError(f"{directory}: only absolute position embeddings are supported")
        _check_modules(directory)
        try:
            first = int(config["pad_token_id"]) + 1 if POSITIONS_AFTER_PADDING[kind] else 0
            positions = int(config["max_position_embeddings"])
            return cls(
                vocabulary=int(config["vocab_size"]),
                hidden=int(config["hidden_size"]),
                layers=int(config["num_hidden_layers"]),
                heads=int(config["num_attention_heads"]),
                intermediate=int(config["intermediate_size"]),
                positions=positions,
                first_position=first,
                token_types=int(config["type_vocab_size"]),
                epsilon=float(config["layer_norm_eps"]),
                pooling=_pooling(directory),
                window=_window(directory, positions - first),
            )
        except KeyError as error:
            raise ValueError(f"{directory / 'config.json'} lacks {error}") from error


def _check_modules(directory: Path) -> None:
    path = directory / "modules.json"
    for module in json.loads(path.read_bytes()) if path.exists() else ():
        kind = module["type"].rpartition(".")[2]
        if kind not in MODULES:
            raise ValueError(f"{path}: a module {kind} is not supported")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object")
    return content


def _pooling(directory: Path) -> Pooling:
    """Mean over all tokens unless `1_Pooling/config.json` says otherwise."""
    path = directory / "1_Pooling" / "config.json"
    if not path.exists():
        return "mean"
    modes = [name for name, on in _json(path).items() if name.startswith("pooling_mode") and on]
    match modes:
        case ["pooling_mode_mean_tokens"]:
            return "mean"
        case ["pooling_mode_cls_token"]:
            return "cls"
    raise ValueError(f"{path}: pooling {modes} is not supported (only mean or cls)")


def _window(directory: Path, positions: int) -> int:
    path = directory / "sentence_bert_config.json"
    length = _json(path).get("max_seq_length") if path.exists() else None
    return min(positions, int(length)) if length else positions
