"""Texts as token ids, in windows that fit the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from semvec.embed.cutting import slices

OVERLAP = 32
"""Tokens that two neighbouring windows share at least; each answers for the half nearer to it."""
TOKENS_KEPT = 2048
"""Most token vectors of one text; of a longer one every second, third, … is kept."""
SLICE = 8_192
"""Characters of a text that are turned into tokens in one step."""
LONGEST_WORD = 128
"""Characters of a word past which its tokens stand for themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Token ids, special ones included; `own` are the places that this window answers for.

    `words` are the words that these own tokens are parts of, one each.
    """

    ids: npt.NDArray[np.int64]
    own: slice
    words: tuple[str, ...]


class Windows:
    """Cuts texts into windows of at most `length` tokens, special ones included."""

    def __init__(self, tokenizer: Tokenizer, length: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        probe = tokenizer.encode("a")
        content = [place for place, special in enumerate(probe.special_tokens_mask) if not special]
        if not content:
            raise ValueError("the tokenizer gives no token for the text 'a'")
        self._before = probe.ids[: content[0]]
        self._after = probe.ids[content[-1] + 1 :]
        self._room = length - len(self._before) - len(self._after)
        if self._room <= OVERLAP:
            raise ValueError(f"a window of {length} tokens is too small")
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, path: Path, length: int, vocabulary: int) -> Self:
        """From a `tokenizer.json`; ValueError if damaged or with more words than the model."""
        content = path.read_text(encoding="utf-8")
        try:
            tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{path} is not a tokenizer: {error}") from error
        if (known := tokenizer.get_vocab_size()) > vocabulary:
            raise ValueError(f"{path} knows {known} tokens, the model only {vocabulary}")
        return cls(tokenizer, length)

    def cut(self, text: str) -> list[Window]:
        """At least one window; neighbours overlap, and the last one is as full as the others."""
        return self.cut_all([text])[0]

    def cut_all(self, texts: Sequence[str]) -> list[list[Window]]:
        """The same of several texts, on all cores."""
        # `encode` would keep the interpreter to itself, for seconds where the text is long.
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [self._cut(text, each) for text, each in zip(texts, encodings, strict=True)]

    def tokens(self, text: str) -> tuple[list[int], list[str]]:
        """The ids of a text's tokens, and the word that each is part of."""
        (encoding,) = self._tokenizer.encode_batch([text], add_special_tokens=False)
        return encoding.ids, words_of_tokens(text, encoding)

    def _cut(self, text: str, encoding: Encoding) -> list[Window]:
        return self.of_tokens(encoding.ids, words_of_tokens(text, encoding))

    def of_tokens(self, ids: Sequence[int], words: Sequence[str]) -> list[Window]:
        """The windows of a text with these tokens."""
        last = max(0, len(ids) - self._room)
        starts = [*range(0, last, self._room - OVERLAP), last]
        seams = [(start + self._room + after) // 2 for start, after in pairwise(starts)]
        bounds = pairwise([0, *seams, len(ids)])
        every = max(1, math.ceil(len(ids) / TOKENS_KEPT))
        windows = []
        for start, (first, end) in zip(starts, bounds, strict=True):
            inner = ids[start : start + self._room]
            shift = len(self._before) - start
            kept = range(first + -first % every, end, every)
            own = slice(kept.start + shift, kept.stop + shift, every)
            whole = np.array([*self._before, *inner, *self._after], np.int64)
            windows.append(Window(whole, own, tuple(words[kept.start : kept.stop : every])))
        return windows


class Cutting:
    """One long text on its way to windows, in steps of some milliseconds."""

    def __init__(self, windows: Windows, text: str) -> None:
        self._windows = windows
        self._parts = slices(text, SLICE)
        self._ids: list[int] = []
        self._words: list[str] = []

    def go_on(self) -> list[Window] | None:
        """Take one more step; the windows, once it was the last one."""
        part = next(self._parts, None)
        if part is None:
            return self._windows.of_tokens(self._ids, self._words)
        ids, words = self._windows.tokens(part)
        self._ids += ids
        self._words += words
        return None


def words_of_tokens(text: str, encoding: Encoding) -> list[str]:
    """The word that each token of a text is part of, as it stands in the text.

    Of a very long one, as where nothing stands between words, the token alone.
    """
    found: list[str] = []
    for _, group in groupby(zip(encoding.word_ids, encoding.offsets, strict=True), itemgetter(0)):
        spans = [span for _, span in group]
        start, end = spans[0][0], spans[-1][1]
        if end - start > LONGEST_WORD:
            found += [text[start:end].strip() for start, end in spans]
        else:
            found += [text[start:end].strip()] * len(spans)
    return found
