import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.events import Entity, EntityKind, Use
from semvec.session.literals import Literals, identifiers, parts

texts = st.text(st.characters(exclude_categories=["Cs"]))


def entity(
    number: int, key: str, value: str = "", context: str = "", importance: float = 1.0
) -> Entity:
    return Entity(number, key, EntityKind.VARIABLE, value, context, importance)


def cache(*entities: Entity) -> Literals:
    literals = Literals()
    for each in entities:
        literals.put(each)
    return literals


def found(literals: Literals, q: str, limit: int = 100) -> list[str]:
    return [entry.entity.key for entry in literals.search(q, limit)[0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("maxRetries", ["max", "retries"]),
        ("MAX_RETRIES", ["max", "retries"]),
        ("HTTPServer", ["http", "server"]),
        ("getHTTPResponseCode", ["get", "http", "response", "code"]),
        ("utf8Decode sha256", ["utf8", "decode", "sha256"]),
        ("src/app-main.py", ["src", "app", "main", "py"]),
        ("максПовторы", ["макс", "повторы"]),
        ("StraßeÜber", ["strasse", "über"]),
        ("Hello, World!", ["hello", "world"]),
        ("", []),
    ],
)
def test_words_are_split_at_signs_and_changes_of_case(text: str, words: list[str]) -> None:
    assert parts(text) == words


@pytest.mark.parametrize(
    ("q", "hit"),
    [
        ("retries", True),
        ("RETR", True),
        ("max retries", True),
        ("retries max", True),
        ("maxRetries", True),
        ("etries", False),
        ("max attempts", False),
        ("upload", True),
        ("worker/up", True),
        ("3", True),
        ("", True),
        ("?!", True),
    ],
)
def test_every_word_of_a_query_begins_a_word_of_the_entity(q: str, hit: bool) -> None:
    literals = cache(entity(1, "MAX_RETRIES", "3", "in the uploadWorker"))
    literals.put(entity(2, "other", "4" if q else "x"))
    assert ("MAX_RETRIES" in found(literals, q)) is hit


def test_a_name_is_found_as_one_word_too() -> None:
    assert found(cache(entity(1, "maxRetries")), "maxretr") == ["maxRetries"]


def test_scripts_without_spaces_are_searched_anywhere() -> None:
    literals = cache(entity(1, "k", "東京タワーの高さ"))
    assert found(literals, "タワー") == ["k"]
    assert found(literals, "大阪") == []


def test_the_best_come_first_by_importance_then_use_then_age() -> None:
    literals = cache(
        entity(1, "old"), entity(2, "used"), entity(3, "new"), entity(4, "minor", importance=0.9)
    )
    literals.use(Use(2, 1))
    literals.use(Use(4, 9))
    assert found(literals, "") == ["used", "new", "old", "minor"]
    entries, total = literals.search("", 2)
    assert ([entry.entity.key for entry in entries], total) == (["used", "new"], 4)


def test_a_key_stored_again_keeps_its_uses_and_takes_the_new_value() -> None:
    literals = cache(entity(1, "a", "one"), entity(2, "b"))
    literals.use(Use(1, 3))
    assert found(literals, "one") == ["a"]
    literals.put(entity(3, "a", "two"))
    assert found(literals, "one") == []
    ((entry,), total) = literals.search("two", 5)
    assert (entry.entity.id, entry.uses, total) == (3, 3, 1)
    literals.use(Use(1, 1))  # of the value that is gone
    assert entry.uses == 3
    assert [each.id for each in reversed(literals)] == [3, 2]


@given(st.lists(st.tuples(st.sampled_from("abc"), texts, st.booleans())))
def test_what_is_counted_is_what_is_there(script: list[tuple[str, str, bool]]) -> None:
    literals, plain = Literals(), dict[str, Entity]()
    for number, (key, value, keep) in enumerate(script, 1):
        if keep:
            plain[key] = entity(number, key, value, "context")
            literals.put(plain[key])
        elif key in plain:
            literals.discard(plain.pop(key).id)
        literals.search("context", 1)
    again = cache(*plain.values())
    assert (literals.text_bytes, literals.nbytes) == (again.text_bytes, again.nbytes)
    assert {key: literals.get(key) for key in "abc"} == {key: plain.get(key) for key in "abc"}
    assert len(literals) == len(plain) == literals.search("context", 0)[1]


@given(texts)
def test_a_text_is_found_by_each_of_its_words_and_their_beginnings(text: str) -> None:
    literals = cache(entity(1, "k", text))
    for word in identifiers(text):
        assert found(literals, word) == ["k"], word
    assert found(literals, text) == ["k"]
