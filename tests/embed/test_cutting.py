import numpy as np
import pytest

from semvec.embed.cutting import mean_vector, pieces, size_of, slices


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven eight nine ten " * 50,
        "x" * 3000,
        "漢字かな交じり文" * 300,
        "a\n\n b\t" * 500,
        "one",
        "",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 256, 5000])
def test_pieces_are_the_text_again(text: str, size: int) -> None:
    found = list(pieces(text, size))
    assert "".join(found) == text
    assert all(found) or found == [""]


def test_words_stay_whole() -> None:
    text = "one two three four five six seven eight nine ten " * 50
    assert {word for piece in slices(text, 60) for word in piece.split()} == set(text.split())
    assert max(map(len, slices(text, 60))) <= 60


def test_pieces_have_their_size_in_bytes() -> None:
    text = "漢字かな交じり文" * 300
    assert max(map(size_of, pieces(text, 600))) <= 600


def test_a_mean_is_weighed_and_of_unit_length() -> None:
    one, other = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    np.testing.assert_allclose(mean_vector([one, other], [3, 4]), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(mean_vector([one, -one], [1, 1]), one)
