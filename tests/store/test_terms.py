from semvec.store.terms import MAX_CHARS, indexable


def test_each_term_is_indexed_once_in_its_first_place() -> None:
    assert [*indexable(["tent", "lake", "tent", "boat", "lake"])] == ["tent", "lake", "boat"]


def test_what_no_index_can_hold_is_left_out() -> None:
    longest = "ü" * MAX_CHARS
    assert [*indexable(["", longest, f"{longest}ü"])] == [longest]


def test_weighted_terms_can_be_searched_as_they_are() -> None:
    assert [*indexable({"tent": 2.5, "": 1.0})] == ["tent"]
