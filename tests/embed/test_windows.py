from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE

from semvec.embed.packaged import DIRECTORY
from semvec.embed.windows import (
    LONGEST_WORD,
    OVERLAP,
    SLICE,
    TOKENS_KEPT,
    Cutting,
    Window,
    Windows,
)
from tests.embed.models import wordpiece_tokenizer

BOAT = 6


def owned(windows: list[Window]) -> list[int]:
    return [int(number) for window in windows for number in window.ids[window.own]]


def test_a_short_text_is_one_window_between_its_special_tokens() -> None:
    (window,) = Windows(wordpiece_tokenizer(), 64).cut("The boat sails")
    assert window.ids.tolist() == [2, 5, 6, 8, 9, 3]
    assert owned([window]) == [5, 6, 8, 9]


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_a_window_of_special_tokens(text: str) -> None:
    (window,) = Windows(wordpiece_tokenizer(), 64).cut(text)
    assert window.ids.tolist() == [2, 3]
    assert owned([window]) == []


@pytest.mark.parametrize("words", [62, 63, 64, 92, 93, 500])
def test_windows_overlap_and_answer_for_every_token_once(words: int) -> None:
    cutter = Windows(wordpiece_tokenizer(), 64)
    text = " ".join(["a", "the", "boat", "cat", "sail"][i * i % 5] for i in range(words))
    windows = cutter.cut(text)
    whole = wordpiece_tokenizer().encode(text, add_special_tokens=False).ids
    assert owned(windows) == whole
    for window in windows:
        assert (window.ids[0], window.ids[-1]) == (2, 3)
        assert len(window.ids) == min(64, words + 2)
        start, end, _ = window.own.indices(len(window.ids))
        assert window is windows[0] or start > OVERLAP // 2
        assert window is windows[-1] or end < len(window.ids) - OVERLAP // 2


def test_of_a_very_long_text_evenly_spaced_tokens_are_kept() -> None:
    cutter = Windows(wordpiece_tokenizer(), 64)
    words = ["boat" if i % 3 == 0 else "cat" for i in range(3 * TOKENS_KEPT)]
    kept = owned(cutter.cut(" ".join(words)))
    assert kept == [BOAT] * TOKENS_KEPT


def test_truncation_and_padding_in_the_file_are_ignored() -> None:
    saved = Tokenizer.from_file(str(DIRECTORY / "tokenizer.json"))
    assert saved.truncation is not None
    windows = Windows.load(DIRECTORY / "tokenizer.json", 256, 30522).cut("word " * 200)
    assert [len(window.ids) for window in windows] == [202]


def test_a_damaged_tokenizer_and_one_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not a tokenizer"):
        Windows.load(path, 64, 11)
    wordpiece_tokenizer().save(str(path))
    with pytest.raises(ValueError, match="knows 11 tokens, the model only 10"):
        Windows.load(path, 64, 10)


def test_a_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="a window of 34 tokens is too small"):
        Windows(wordpiece_tokenizer(), OVERLAP + 2)


def test_ids_are_what_the_graph_takes() -> None:
    (window,) = Windows(wordpiece_tokenizer(), 64).cut("a")
    assert window.ids.dtype == np.int64


def test_every_token_knows_the_word_it_is_part_of() -> None:
    """Also over the seams of windows, and where tokens are left out."""
    cutter = Windows(wordpiece_tokenizer(), 64)
    (window,) = cutter.cut("The boats, sailing  a cat")
    assert window.words == ("The", "boats", "boats", ",", "sailing", "sailing", "a", "cat")
    for count in (200, 3 * TOKENS_KEPT):
        windows = cutter.cut(" ".join(f"{'boat' if i % 3 else 'cats'}" for i in range(count)))
        tokens, words = owned(windows), [word for each in windows for word in each.words]
        assert all(
            (word == "boat") == (token == BOAT) for token, word in zip(tokens, words, strict=True)
        )


def test_tokens_of_a_word_without_end_stand_for_themselves() -> None:
    """As of a script that puts nothing between words, where the tokenizer does not either."""
    cutter = Windows(Tokenizer(BPE({"a": 0, "b": 1}, [])), 64)
    (window,) = cutter.cut("abba")
    assert window.words == ("abba",) * 4
    words = [word for each in cutter.cut("ab" * LONGEST_WORD) for word in each.words]
    assert words == ["a", "b"] * LONGEST_WORD


def test_texts_are_cut_together_as_each_alone() -> None:
    cutter = Windows(wordpiece_tokenizer(), 64)
    texts = ["the boat sails", "", "a cat " * 90, "The boats, sailing"]
    for alone, among in zip(map(cutter.cut, texts), cutter.cut_all(texts), strict=True):
        assert [each.own for each in alone] == [each.own for each in among]
        assert [each.words for each in alone] == [each.words for each in among]
        assert [each.ids.tolist() for each in alone] == [each.ids.tolist() for each in among]


@pytest.mark.parametrize(
    "text",
    [
        "The ferry to the island leaves at seven, doesn't it? " * 800,
        "漢字かな交じり文。\n" * 2_000,
        "x" * SLICE + " end",
    ],
)
def test_a_text_cut_in_steps_has_the_windows_of_one_cut_at_once(text: str) -> None:
    windows = Windows.load(DIRECTORY / "tokenizer.json", 256, 30522)
    cutting, steps = Cutting(windows, text), 0
    while (found := cutting.go_on()) is None:
        steps += 1
    assert steps == -(-len(text) // SLICE)
    whole = windows.cut(text)
    assert [window.ids.tolist() for window in found] == [window.ids.tolist() for window in whole]
    assert [window.own for window in found] == [window.own for window in whole]
    assert [window.words for window in found] == [window.words for window in whole]
