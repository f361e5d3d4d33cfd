import pytest

from semvec.errors import Malformed
from semvec.paging import cursor_of, position_of


@pytest.mark.parametrize("position", [0, 1, 255, 256, 2**31, 2**63 - 1])
def test_a_cursor_leads_back_to_its_position(position: int) -> None:
    cursor = cursor_of(position)
    assert position_of(cursor) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "7", "nonsense", "=", "AAAAAAAAAA", "AAAAAAAAAAAA", "AAAA AAAAAE", "AAAAAAAAAA+"),
        *("é" * 11, "\0" * 11, "A" * 10_000, "__________8"),
    ],
)
def test_what_no_cursor_ever_was_is_refused(cursor: str) -> None:
    with pytest.raises(Malformed, match="cursor"):
        position_of(cursor)
