"""Small random models."""

from typing import Any

import numpy as np

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "boat", "cat", "sail", "##s", "##ing"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": len(WORDS),
}


def random_tensors(config: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(7)
    width, inner = config["hidden_size"], config["intermediate_size"]

    def matrix(rows: int, columns: int) -> np.ndarray[Any, Any]:
        return random.normal(0, 0.2, (rows, columns)).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": matrix(config["vocab_size"], width),
        "embeddings.position_embeddings.weight": matrix(config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": matrix(config["type_vocab_size"], width),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}."
        for name, rows, columns in (
            *((f"attention.self.{part}", width, width) for part in ("query", "key", "value")),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ):
            tensors[f"{prefix}{name}.weight"] = matrix(rows, columns)
            tensors[f"{prefix}{name}.bias"] = matrix(1, rows)[0]
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
    for name in norms:
        tensors[f"{name}.weight"] = 1 + matrix(1, width)[0]
        tensors[f"{name}.bias"] = matrix(1, width)[0]
    return tensors
