"""The encoder in the package: all-MiniLM-L6-v2 as int8, made by scripts/build-encoder."""

from pathlib import Path
from types import MappingProxyType

MODEL_NAME = "all-MiniLM-L6-v2"
DIRECTORY = Path(__file__).parent / "minilm"

_SUMS = """
4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23  1_Pooling/config.json
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41  config.json
d420012a7f386b17ce6e1f470971359722ee566e55de60731418b38b0d4a5660  model.safetensors
fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7  sentence_bert_config.json
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037  tokenizer.json
"""
SHA256 = MappingProxyType(
    {name: digest for digest, name in map(str.split, _SUMS.strip().splitlines())}
)
"""Of every file, by name."""
