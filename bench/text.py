"""Texts to measure with: English words at natural frequencies."""

import itertools
import json
import random
from pathlib import Path

import semvec.embed

_TOKENIZER = Path(semvec.embed.__file__).with_name("minilm") / "tokenizer.json"
CONTENT = [
    word
    for word in json.loads(_TOKENIZER.read_text())["model"]["vocab"]
    if word.isascii() and word.isalpha() and len(word) > 3
][:8000]
"""Words of the encoder's vocabulary, the commoner ones first."""
FUNCTION = "the of and to in a is that it for was on with as at by from this be have".split()  # noqa: SIM905
_ZIPF = list(itertools.accumulate(1 / rank for rank in range(1, len(CONTENT) + 1)))


def text(chance: random.Random, words: int = 20) -> str:
    """Half function words, half content words with Zipf's frequencies."""
    content = chance.choices(CONTENT, cum_weights=_ZIPF, k=words // 2)
    function = chance.choices(FUNCTION, k=words - words // 2)
    return " ".join(chance.sample([*content, *function], words))
