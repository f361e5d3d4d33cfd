import itertools

import pytest

from semvec.errors import Malformed
from semvec.opaque import NUMBER_BITS, Opaque

OPAQUE = Opaque(bytes(range(32)))
LARGEST = 2**63 - 1


@pytest.mark.parametrize("position", [0, 1, 255, 2**40, LARGEST])
def test_a_cursor_leads_back_to_its_place(position: int) -> None:
    cursor = OPAQUE.cursor(position, "sessions", "ada")
    assert OPAQUE.position(cursor, "sessions", "ada") == position
    assert Opaque(bytes(range(32))).position(cursor, "sessions", "ada") == position


@pytest.mark.parametrize(("list", "owner"), [("clusters", "ada"), ("sessions", "eve")])
def test_a_cursor_is_good_for_its_list_alone(list: str, owner: str) -> None:
    cursor = OPAQUE.cursor(7, "sessions", "ada")
    assert OPAQUE.cursor(7, list, owner) != cursor
    with pytest.raises(Malformed):
        OPAQUE.position(cursor, list, owner)


@pytest.mark.parametrize(
    "cursor", ["", "AAAAAAAAAAE", "A" * 22, "x" * 22, "\u0663" * 22, "A" * 21 + "B", "A" * 44, "="]
)
def test_what_was_never_given_is_refused(cursor: str) -> None:
    with pytest.raises(Malformed):
        OPAQUE.position(cursor, "sessions", "ada")


def test_a_cursor_has_one_form() -> None:
    cursor = OPAQUE.cursor(7, "sessions", "ada")
    for other in (cursor + "=", cursor + "==", " " + cursor, cursor[:-1] + "B"):
        with pytest.raises(Malformed):
            OPAQUE.position(other, "sessions", "ada")


def test_numbers_are_each_another_and_in_no_order() -> None:
    numbers = [OPAQUE.number(number) for number in range(1, 5001)]
    assert len({*numbers}) == len(numbers)
    assert all(0 <= number < 2**NUMBER_BITS for number in numbers)
    rising = sum(one < other for one, other in itertools.pairwise(numbers))
    assert 2200 < rising < 2800
    assert Opaque(bytes(32)).number(1) != numbers[0]
