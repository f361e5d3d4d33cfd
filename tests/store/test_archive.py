"""Recall from the archive: the ranking against its definition, its bounds, its terms."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from sqlalchemy import event

from semvec.store import Append, ArchivedRow, MemoryRow, Replace, Snapshot, StagedRows, Store
from tests.store.archives import archive
from tests.store.lines import append as appended
from tests.store.lines import save_snapshot

Contents = Mapping[int, tuple[str, ...]]
Weights = Mapping[str, int]

WORDS = [f"word{n}" for n in range(12)]
ITSELF, AFTER, TWO_AFTER, BEFORE = 10, 8, 7, 6


def scores(contents: Contents, weights: Weights) -> dict[int, int]:
    """Of every memory, each term by the best place where it occurs."""
    places = ((0, ITSELF), (-1, AFTER), (-2, TWO_AFTER), (1, BEFORE))
    return {
        id_: sum(
            weight * max(share * (term in contents.get(id_ + gap, ())) for gap, share in places)
            for term, weight in weights.items()
        )
        for id_ in contents
    }


def ranked(scores: Mapping[int, int]) -> list[bytes]:
    best = sorted((n for n in scores if scores[n]), key=lambda n: (-scores[n], -n))[:64]
    return [b"%d" % n for n in best]


def bounded(contents: Contents, weights: Weights, postings: int, seeds: int) -> list[bytes]:
    """The ranking that reads so many entries, of the rarest terms, and so many seeds."""
    held = {t: sorted((n for n in contents if t in contents[n]), reverse=True) for t in weights}
    read: dict[str, list[int]] = {}
    for term in sorted(weights, key=lambda t: (min(len(held[t]), postings), -weights[t], t)):
        read[term] = held[term][:postings]
        if sum(map(len, read.values())) > postings:
            del read[term]
            break
    known = {n: tuple(term for term in read if n in read[term]) for n in contents}
    sums = Counter({n: sum(weights[term] for term in known[n]) for n in known if known[n]})
    chosen = sorted(sums, key=lambda n: (-sums[n], -n))[:seeds]
    near = {n + shift for n in chosen for shift in (-1, 0, 1, 2)}
    found = scores(known, {term: weights[term] for term in read})
    return ranked({n: found[n] for n in found if n in near})


def some_contents(chance: random.Random, memories: int) -> Contents:
    """Memories with few terms or none, some of them common; ids have gaps."""
    ids = chance.sample(range(1, memories * 5 // 4), memories)
    common = range(len(WORDS), 0, -1)
    return {n: tuple({*chance.choices(WORDS, common, k=chance.randint(0, 3))}) for n in ids}


def some_weights(chance: random.Random) -> Weights:
    return {word: chance.randint(1, 40) for word in chance.sample(WORDS, chance.randint(1, 8))}


async def test_a_word_counts_for_its_memory_and_less_for_those_around(store: Store) -> None:
    key = await archive(store, {n: ("a",) * (n == 5) + ("b",) * (n == 9) for n in range(1, 12)})
    assert await store.search_archive(key, {"a": 1}) == [b"5", b"6", b"7", b"4"]
    assert await store.search_archive(key, {"a": 4, "b": 3}) == [
        b"5", b"6", b"9", b"7", b"10", b"4", b"11", b"8"
    ]  # fmt: skip
    assert await store.search_archive(key, {"a": 1}, limit=2) == [b"5", b"6"]
    assert await store.search_archive(key, {}) == []
    assert await store.search_archive(key, {"c": 1}) == []
    assert await store.search_archive(key + 1, {"a": 1}) == []


async def test_equal_memories_by_newest(store: Store) -> None:
    key = await archive(store, dict.fromkeys(range(1, 301), ("a",)))
    newest = [b"%d" % n for n in range(300, 236, -1)]
    assert await store.search_archive(key, {"a": 1}) == newest


@pytest.mark.parametrize("seed", range(4))
async def test_the_ranking_is_as_defined(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    contents = some_contents(chance, 120)
    key = await archive(store, contents)
    for _ in range(10):
        weights = some_weights(chance)
        assert await store.search_archive(key, weights) == ranked(scores(contents, weights))


@pytest.mark.parametrize("seed", range(4))
async def test_the_bounds_are_as_defined(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    contents = some_contents(chance, 400)
    key = await archive(store, contents)
    for _ in range(20):
        weights, postings, seeds = (
            some_weights(chance),
            chance.randint(1, 300),
            chance.randint(1, 9),
        )
        monkeypatch.setattr("semvec.store.archive.POSTINGS", postings)
        monkeypatch.setattr("semvec.store.archive.SEEDS", seeds)
        expected = bounded(contents, weights, postings, seeds)
        assert await store.search_archive(key, weights) == expected


async def test_terms_that_do_not_fit_are_not_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = {10: "a", 20: "ab", 30: "b", 40: "c", 50: "c", 60: "c"}
    key = await archive(store, {n: tuple(words) for n, words in terms.items()})
    for postings, found in {
        7: (60, 50, 40, 20, 30, 10),
        6: (20, 30, 10),
        3: (30, 20),
        1: (60,),
    }.items():
        monkeypatch.setattr("semvec.store.archive.POSTINGS", postings)
        expected = [b"%d" % n for n in found]
        assert await store.search_archive(key, {"a": 1, "b": 2, "c": 9}) == expected


async def test_only_archived_memories_come_back(store: Store) -> None:
    key = await archive(store, dict.fromkeys((1, 3, 4, 8), ("a",)))
    hot = tuple(MemoryRow(n, "hash", b"fold", b"hot") for n in (2, 6, 7))
    assert await save_snapshot(store, Snapshot(key, 2, b"snapshot", hot))
    assert await appended(store, Append(key, 2, (b"returned",), 2.0, 1, 1, returned=(3,)))
    assert await store.search_archive(key, {"a": 1}) == [b"8", b"4", b"1"]


async def test_an_import_is_searched_and_what_it_replaced_is_not(store: Store) -> None:
    key = await archive(store, {1: ("a",)})
    content = await store.begin_import(2.0)
    row = ArchivedRow(MemoryRow(5, "hash", b"fold", b"imported"), ("a",))
    assert await store.stage(content, 2.0, StagedRows(archived=(row,)))
    assert await store.replace(Replace(key, content, b"snapshot", 3.0, 1, 1))
    assert await store.search_archive(key, {"a": 1}) == [b"imported"]


async def test_terms_of_any_kind(store: Store) -> None:
    strange = (
        "ß",
        "日本語",
        "it's",
        "%",
        "_",
        '"',
        "\\",
        "$[0]",
        "🙂",
        "x" * 128,
        "y" * 100_000,
        "",
    )
    key = await archive(store, {1: strange})
    for term in strange:
        found = await store.search_archive(key, {term: 1})
        assert found == ([b"1"] if 0 < len(term) <= 128 else [])


async def test_a_query_of_many_terms_keeps_the_heaviest(store: Store) -> None:
    key = await archive(store, {1: ("light",), 9: ("heavy",)})
    weights = {"light": 1, "heavy": 3} | {f"filler{n}": 2 for n in range(50_000)}
    assert await store.search_archive(key, weights) == [b"9"]


async def test_archive_search_is_one_statement(store: Store) -> None:
    key = await archive(store, {1: ("a",)})
    statements: list[str] = []
    event.listen(
        store.engine.sync_engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    await store.search_archive(key, {"a": 1, "b": 1})
    assert len(statements) == 1
