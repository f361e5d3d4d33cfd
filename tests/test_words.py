import pytest

from semvec.words import composed, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The boats were sailing in 2023!", ["boat", "sail", "2023"]),
        ("We've been to Anna's café", ["anna", "café"]),
        ("snake_case and CamelCase", ["snake", "case", "camelcas"]),
        ("¿Dónde está?", ["dónde", "está"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ช้าง", ["ช้", "้า", "าง"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("Ｆｕｌｌ width", ["full", "width"]),
        ("what is it?", []),
        ("", []),
    ],
)
def test_terms_of_a_text(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_word_too_long_to_be_one_is_its_own_stem() -> None:
    assert terms("paintings") == ["paint"]
    assert terms(f"{'x' * 61}ings") == [f"{'x' * 61}ings"]


def test_long_runs_of_marks_take_linear_time() -> None:
    """Each call would take minutes if marks were put in order all at once."""
    hostile = "a" + "\u0301" * 300_000 + "\u0316" * 300_000
    assert composed(hostile).startswith("\u00e1")
    assert len(terms(hostile)) <= 16, "a word that long is cut into pieces"


def test_what_marks_there_are_in_words_is_composed() -> None:
    assert composed("cafe\u0301") == "caf\u00e9"
