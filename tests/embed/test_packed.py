import numpy as np

from semvec.embed.packed import MOST_POOLED, PackedTexts


def ones(*counts: int) -> list[np.ndarray]:
    return [np.ones(count, np.float32) for count in counts]


def test_windows_lie_one_after_the_other() -> None:
    ids = [np.array([101, 7, 8, 102]), np.array([101, 102]), np.array([101, 9, 102])]
    packed = PackedTexts.of(ids, [slice(1, 3, 1), slice(1, 1, 1), slice(1, 2, 1)], ones(2, 0, 1))
    assert packed.ids.tolist() == [101, 7, 8, 102, 101, 102, 101, 9, 102]
    assert packed.places().tolist() == [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert packed.starts().tolist() == [0, 4, 6]
    assert packed.chosen.tolist() == [1, 2, 7]
    assert packed.tiles().tolist() == [[0, 4, 0], [4, 2, 0], [6, 3, 0]]
    assert all(each.dtype == np.int32 for each in (packed.ids, packed.tiles(), packed.chosen))


def test_every_other_token_of_a_long_text_is_chosen() -> None:
    packed = PackedTexts.of(
        [np.arange(4), np.arange(8)], [slice(1, 3, 1), slice(2, 7, 2)], ones(2, 3)
    )
    assert packed.chosen.tolist() == [1, 2, 6, 8, 10]


def test_tiles_of_16_tokens_cover_each_window() -> None:
    lengths = [1, 16, 17, 40]
    packed = PackedTexts.of([np.arange(n) for n in lengths], [slice(0, 0, 1)] * 4, ones(0, 0, 0, 0))
    firsts = [(0, 1), (1, 16), (17, 17), (34, 40)]
    covered = [(first, n, begin) for first, n in firsts for begin in range(0, n, 16)]
    assert packed.tiles().tolist() == [list(each) for each in covered]


def test_what_weighs_nothing_is_not_pooled() -> None:
    weights = [np.array([1.0, 0.0, 0.2, 1.0], np.float32), np.ones(MOST_POOLED + 1, np.float32)]
    packed = PackedTexts.of(
        [np.arange(6), np.arange(90)], [slice(1, 5, 1), slice(1, MOST_POOLED + 2, 1)], weights
    )
    assert packed.heard.tolist()[:4] == [0, 2, 3, 4]
    assert packed.weights[:3].tolist() == [1.0, np.float32(0.2), 1.0]
    assert packed.firsts.tolist() == [0, 3, 4 + MOST_POOLED]
    assert packed.rooms.tolist() == [0, 2, 2]
    assert packed.most_pooled == 3
