"""A model directory: its files, checked and read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


@dataclass(frozen=True, slots=True, eq=False)
class ModelDirectory:
    """What an encoder is made from; `tokenizer` is the path of a `tokenizer.json`."""

    shape: Architecture
    weights: Weights
    tokenizer: Path

    @classmethod
    def read(cls, directory: Path, sums: Mapping[str, str] | None = None) -> Self:
        """Every file named in `sums` must have that SHA-256.

        OSError if a file cannot be read, ValueError if it is damaged or of an unknown kind.
        """
        missing = [
            name for name in (CONFIG, WEIGHTS, TOKENIZER) if not (directory / name).is_file()
        ]
        if missing:
            raise FileNotFoundError(f"{directory} is no model directory: no {', '.join(missing)}")
        for name, expected in (sums or {}).items():
            _verify(directory / name, expected)
        shape = Architecture.read(directory)
        return cls(shape, Weights.load(directory / WEIGHTS), directory / TOKENIZER)


def _verify(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f"{path} is damaged: its SHA-256 is {found}, expected {expected}")
