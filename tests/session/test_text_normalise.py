import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from semvec.session.events import MemoryTier, Move
from semvec.session.text_normalise import (
    DIGEST_BYTES,
    Digests,
    content_hash,
    normalised_digest,
    normalised_text,
)
from tests.session.conversations import new_session, play, said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello,  world!", "Hello, world"),
        ("Hello, world?!…", "Hello, world ."),
        ("\u2003a well-known\tname\r\n", "a\u00a0well-known\u3000name."),
        ("caf\u00e9 in A\u030angstr\u00f6m", "cafe\u0301 in \u00c5ngstro\u0308m"),
        ("300 \u212a", "300 K"),
        ("a\u0316\u0301", "a\u0301\u0316"),
        ("\u1112\u1161\u11ab", "한"),
        ("You owe me.", "You owe me?"),
    ],
)
def test_form_alone_is_folded_away(one: str, other: str) -> None:
    assert normalised_digest(one) == normalised_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10² m", "102 m"),
        ("H₂O", "H2O"),
        ("sk-aBcD", "sk-AbCd"),
        ("README.md", "readme.md"),
        ("Hello", "hello"),
        ("–5 C", "5 C"),
        ("-5", "5"),
        ("−5", "5"),
        ("5‰", "5"),
        ("50%", "50"),
        ("$100", "€100"),
        ("½ cup", "1⁄2 cup"),
        ("№ 5", "No 5"),
        ("①", "1"),
        ("ﬁnal", "final"),
        ("Straße", "Strasse"),
        ("Ⅳ", "IV"),
        ("５", "5"),
        ("ｋｇ", "kg"),
        ("㎏", "kg"),
        ("µm", "um"),
        ("x", "х"),
        ("ab", "a\u200bb"),
        ("ab", "a\u00adb"),
        ("a b", "a\u200bb"),
        ("a b", "a\x1fb"),
        ("☺", "☺\ufe0f"),
        ("👍", "👎"),
        ("👍🏻", "👍🏿"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🏴"),
        ("abc", "\u202eabc"),
        ("می\u200cخواهم", "میخواهم"),
        ("¿Vienes?", "Vienes?"),
        ("a, b", "a b"),
        ("a (b)", "a b"),
        ("it's", "its"),
        ("“fine”", "fine"),
        ("we're here", "were here"),
        ("Alice owes Bob", "Bob owes Alice"),
        ("costs 3.5", "costs 35"),
        ("at 3:5", "at 3.5"),
        (".5", "5"),
        ("C#", "C"),
        ("C++", "C"),
        ("x > 5", "x < 5"),
        ("?", "!"),
        ("a. b", "a b"),
        ("naïve", "naive"),
    ],
)
def test_what_says_something_else_stays_apart(one: str, other: str) -> None:
    assert normalised_digest(one) != normalised_digest(other)
    session = new_session()
    for text in (one, other):
        play(session, response=said(text))
    assert [record.response for record in session.memories.records_after(0)] == [one, other]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert normalised_text(normalised_text(text)) == normalised_text(text)
    assert normalised_text(unicodedata.normalize("NFD", text)) == normalised_text(text)
    assert len(normalised_digest(text)) == DIGEST_BYTES
    assert Digests(text).hash == content_hash(text)
    assert Digests(text).fold == normalised_digest(text)


FORMER = bytes.fromhex("f02d4714255edccdb66cffacf9b87d23")
"""What release 1.0 kept as the digest of the two texts below alike."""


def test_a_digest_of_the_former_rule_merges_what_is_the_same_today_alone() -> None:
    session = new_session()
    play(session, response=said("The area is 10² m."))
    (record,) = session.memories.records_after(0)
    former = new_session()
    old = replace(record, fold=FORMER)
    former.memories.add(old, MemoryTier.SHORT_TERM)
    former.next_id = 2
    play(former, response=said("The area is 102 m."))
    play(former, response=said("The area is\n10² m"))
    kept = list(former.memories.records_after(0))
    assert [each.response for each in kept] == ["The area is 10² m.", "The area is 102 m."]
    assert kept[0].access_count == 1
    assert kept[0].fold == old.fold, "what is stored stays as it is"
    former.memories.move(Move(1, MemoryTier.ARCHIVE))
    play(former, response=said("The area is 10² m."))
    assert len(former.memories) == 2, "a memory that has gone is not found by its digest"


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "dressed"),
    [
        (", " * (MEGABYTE // 2) + "x", " {} "),
        ("1 " * (MEGABYTE // 2), "\n{}.."),
        (" " * MEGABYTE + "x" + " " * MEGABYTE, "{}…"),
        ("a" + "\u0301" * (MEGABYTE // 8) + "\u0316" * (MEGABYTE // 8), " {}"),
        ("\ufdfa " * (MEGABYTE // 20), "{}!"),
        ("。" * (MEGABYTE // 3) + "x", "{}…"),
    ],
    ids=["commas", "numbers", "spaces", "marks", "ligatures", "ideographic points"],
)
def test_hostile_text_is_folded_in_bounded_time(text: str, dressed: str) -> None:
    digest = normalised_digest(text)
    assert normalised_digest(dressed.format(text)) == digest
    assert normalised_digest(text + " y") != digest
