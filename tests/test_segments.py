import pytest

from semvec.segments import is_rewritten


@pytest.mark.parametrize(
    ("name", "rewritten"),
    [
        *((each, True) for each in (".", "..", "/", "a/", "/a", "a//b", "../b", "a/./b", "a\\..")),
        *((each, False) for each in ("a", "a/b", "...", "a.b", ".a", "..a/b..", "a@b.example")),
    ],
)
def test_a_name_is_rewritten_where_normalising_takes_a_part_of_it(
    name: str, rewritten: bool
) -> None:
    assert is_rewritten(name) == rewritten
