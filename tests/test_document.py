"""Promise 4 on documents: export, import, export gives the same bytes; nothing else passes."""

import io
import json
import tracemalloc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from semvec.document import DocumentReader, DocumentWriter, run_through
from semvec.errors import Invalid, Malformed
from semvec.session.events import MemoryRecord, Profile
from semvec.session.session import Session
from semvec.session.transfer import image_of, session_of
from tests.documents import LARGEST, exported, holder, leaves, read, sealed
from tests.session.conversations import DIMENSION, new_session, play, said, worded
from tests.session.journals import (
    Step,
    played,
    profiles,
    same,
    some_operation,
    steps,
)

Document = dict[str, Any]
Change = Callable[[Document], object]


@pytest.fixture(scope="module")
def rich() -> bytes:
    """An export with some of everything."""
    random, archive = Random(7), dict[int, MemoryRecord]()
    script = [Step(some_operation(random)) for _ in range(300)]
    session, _ = played(Profile(DIMENSION, None, 10), script, archive)
    document = exported(session, list(archive.values()))
    state_dict = json.loads(document)["state_dict"]
    kinds = {control["type"] for control in state_dict["controls"]}
    assert kinds >= {"anchor", "isolation", "held", "entity"}
    assert len(archive) > 20
    assert state_dict["core"]["state"]["switches"]
    return document


def changed(document: bytes, change: Change) -> bytes:
    """The document after a change, with the right checksums."""
    opened = json.loads(document)
    change(opened["state_dict"])
    return sealed(opened)


@settings(max_examples=60, deadline=None)
@given(profiles, st.lists(steps, max_size=100))
def test_promise_4_export_import_export_is_identical_to_the_byte(
    profile: Profile, script: list[Step]
) -> None:
    archive: dict[int, MemoryRecord] = {}
    session, _ = played(profile, script, archive)
    document = exported(session, list(archive.values()))
    image, archived = read(document)
    copy = session_of(image)
    assert exported(copy, archived) == document
    copy.seq, copy.created_at, copy.used_at = session.seq, session.created_at, session.used_at
    assert same(copy, session)


def test_token_vectors_come_along() -> None:
    session = new_session(token_dimension=DIMENSION)
    for number in range(5):
        play(session, message=worded(f"what is {number}"), response=worded(f"it is {number}"))
    document = exported(session)
    image, _ = read(document)
    assert exported(session_of(image)) == document
    assert all(record.tokens for record in image.memories.values())


def test_a_document_says_nothing_about_where_and_when_it_was_made(rich: bytes) -> None:
    image, archived = read(rich)
    session = session_of(image)
    session.seq, session.created_at, session.used_at = 99, 5.0, 7.0
    assert exported(session, archived) == rich


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_promise_4_any_changed_value_is_refused(rich: bytes, data: st.DataObject) -> None:
    document = json.loads(rich)["state_dict"]
    path = data.draw(st.sampled_from(list(leaves(document))))
    where, key = holder(document, path), path[-1]
    before = where[key]
    others: list[Any] = [None, True, 0, 1, -1, 0.5, "", "x", "AAAA", [], {}]
    if isinstance(before, str):
        others += [before[:-1], before + "A", before.swapcase()]
    elif isinstance(before, int | float):
        others += [before + 1, -before, before * 2]
    where[key] = data.draw(st.sampled_from([each for each in others if differs(each, before)]))
    with pytest.raises(Malformed):
        read(json.dumps({"state_dict": document}).encode())


def differs(one: object, other: object) -> bool:
    return one != other or isinstance(one, bool) != isinstance(other, bool)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_promise_4_any_cut_is_refused(rich: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(rich) - 1))
    with pytest.raises(Malformed, match="cannot be read"):
        read(rich[:end])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_value_less_is_refused(rich: bytes, data: st.DataObject) -> None:
    document = json.loads(rich)["state_dict"]
    path = data.draw(st.sampled_from(list(leaves(document))))
    del holder(document, path)[path[-1]]
    with pytest.raises(Malformed):
        read(json.dumps({"state_dict": document}).encode())


@pytest.mark.parametrize("name", ["controls", "memories"])
def test_an_item_less_or_more_is_refused(rich: bytes, name: str) -> None:
    items = json.loads(rich)["state_dict"][name]
    for torn in (items[:-1], items[1:], [*items, items[-1]], [*items, {}], []):
        document = json.loads(rich)["state_dict"] | {name: torn}
        with pytest.raises(Malformed, match="checksum"):
            read(json.dumps({"state_dict": document}).encode())


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"ensure_ascii": False}], ids=str)
@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True)])
def test_another_layout_of_the_same_json_is_the_same(
    rich: bytes, layout: Any, order: Callable[[Any], list[Any]]
) -> None:
    def arranged(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: arranged(value[name]) for name in order(value)}
        return [*map(arranged, value)] if isinstance(value, list) else value

    image, archived = read(json.dumps(arranged(json.loads(rich)), **layout).encode())
    assert exported(session_of(image), archived) == rich


def test_of_what_stands_beside_state_dict_the_checksum_alone_matters(rich: bytes) -> None:
    document = json.loads(rich)
    read(json.dumps({**document, "session_id": None}).encode())
    read(json.dumps({"state_dict": document["state_dict"]}).encode())
    with pytest.raises(Malformed, match="checksum"):
        read(json.dumps(document | {"checksum": "0" * 64}).encode())


def test_a_member_that_no_export_has_is_refused_by_name(rich: bytes) -> None:
    document = json.loads(rich)
    for arranged in ({"before": [1], **document}, {**document, "after": {}}):
        with pytest.raises(Invalid) as refused:
            read(json.dumps(arranged).encode())
        (fault,) = refused.value.faults
        assert fault["loc"] == ["body", *(arranged.keys() - document.keys())]


def memories(document: Document) -> list[Document]:
    found: list[Document] = document["memories"]
    return found


def control(document: Document, kind: str) -> Document:
    return next(each for each in document["controls"] if each["type"] == kind)


FORGED: dict[str, tuple[Change, str]] = {
    "another format": (lambda d: d.update(format="other"), "format is not 'semvec-session'"),
    "a later version": (lambda d: d.update(version=2), "version is 2, this release reads 1"),
    "an unknown member": (lambda d: d.update(more=1), "it needs checksum, controls, core"),
    "no memories": (lambda d: d.pop("memories"), "it needs checksum, controls, core"),
    "an unknown field": (lambda d: d["core"]["state"].update(x=1), r"core.state.x is not known"),
    "a field of the server's": (lambda d: d["core"].update(seq=1), "core has seq, which"),
    "a field missing": (lambda d: d["core"].pop("tiers"), "missing required field `tiers`"),
    "another type": (lambda d: d["core"].update(next_id="1"), "Expected `int`, got `str`"),
    "no drift": (lambda d: d["core"].update(drift=[]), "core.drift is no object"),
    "less drift": (lambda d: d["core"]["drift"].pop("heard"), "core.drift needs phase"),
    "core is a list": (lambda d: d.update(core=[]), "core is no object"),
    "dimension 0": (lambda d: d["core"]["profile"].update(dimension=0), "are not 1 x 0 int8"),
    "a short mean": (lambda d: d["core"]["state"].update(mean="AAAA"), "mean is no vector"),
    "a long mean": (
        lambda d: d["core"]["state"].update(mean="AAAAAAAA8D8" * 12 + "="),
        "mean is|Invalid base64|no vector",
    ),
    "a negative count": (lambda d: d["core"]["state"].update(interaction_count=-1), "below 0"),
    "a long history": (
        lambda d: d["core"]["state"].update(updates=d["core"]["state"]["updates"] * 2),
        "more than 20 entries",
    ),
    "a short drift row": (lambda d: d["core"]["drift"].update(rows="AAAA"), "rows are not 5"),
    "ids that do not ascend": (lambda d: memories(d).reverse(), "ids have to ascend"),
    "an id twice": (lambda d: memories(d).insert(1, memories(d)[0]), "ids have to ascend"),
    "an id past the next": (lambda d: d["core"].update(next_id=3), "the next one is 3"),
    "a memory without its text": (lambda d: memories(d)[0].update(response="new"), "its hash is"),
    "a hash of another": (
        lambda d: memories(d)[0].update(hash=memories(d)[1]["hash"]),
        "its hash is not that of its text",
    ),
    "a short fold": (lambda d: memories(d)[0].update(fold="AAAA"), "its fold has 3 bytes"),
    "a short vector": (lambda d: memories(d)[0].update(vector="AAAA"), "are not 1 x 12 int8"),
    "no base64": (lambda d: memories(d)[0].update(vector="!"), "Invalid base64"),
    "tokens where there are none": (
        lambda d: memories(d)[0].update(tokens="AAAA"),
        "no token vectors",
    ),
    "importance past 1": (lambda d: memories(d)[0].update(importance=1.5), "out of range"),
    "negative accesses": (lambda d: memories(d)[0].update(access_count=-1), "accesses"),
    "a memory in no tier": (
        lambda d: d["core"]["tiers"]["0"].append(memories(d)[-1]["id"] + 1),
        "lacks",
    ),
    "a memory in two tiers": (
        lambda d: d["core"]["tiers"]["1"].append(d["core"]["tiers"]["0"][0]),
        "tier twice|its room is",
    ),
    "a tier too full": (
        lambda d: d["core"]["profile"].update(long_term=1),
        "tier 2 holds 10 memories, its room is 1",
    ),
    "a tier of its own": (lambda d: d["core"]["tiers"].update({"3": []}), "tiers are 0, 1, 2"),
    "controls that do not ascend": (lambda d: d["controls"].reverse(), "ids have to ascend"),
    "a control past the next": (lambda d: d["core"].update(next_control=1), "the next one is 1"),
    "a control of no kind": (lambda d: d["controls"][0].update(type="x"), "Invalid value 'x'"),
    "uses of an anchor": (lambda d: control(d, "anchor").update(uses=1), "uses is a count"),
    "an entity without uses": (lambda d: control(d, "entity").pop("uses"), "uses is a count"),
    "an anchor of no direction": (lambda d: control(d, "anchor").update(vector=""), "no vector"),
    "an anchor too long": (
        lambda d: control(d, "anchor").update(vector="AACAQAAAAAA" + "A" * 53),
        "not of unit length|no vector|Invalid",
    ),
    "an entity's key twice": (
        lambda d: [each.update(key="k") for each in d["controls"] if each["type"] == "entity"],
        "key is there twice",
    ),
    "too many policies": (
        lambda d: d["core"]["profile"].update(
            policies=[{"vector": control(d, "anchor")["vector"], "weight": 1, "label": None}] * 256
        ),
        "anchor controls, over 256",
    ),
}


@pytest.mark.parametrize(("change", "reason"), FORGED.values(), ids=FORGED)
def test_what_cannot_be_is_refused_even_with_the_right_checksum(
    rich: bytes, change: Change, reason: str
) -> None:
    with pytest.raises(Malformed, match=reason):
        read(changed(rich, change))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_forged_value_is_refused_or_makes_a_session_that_exports_the_same(
    rich: bytes, data: st.DataObject
) -> None:
    document = json.loads(rich)
    state_dict = document["state_dict"]
    path = data.draw(st.sampled_from(list(leaves(state_dict))))
    values: list[Any] = [None, True, 0, 1, 7, -1, 0.5, 2.0**60, "", "x", "AAAA", [], {}, [1], 1e308]
    holder(state_dict, path)[path[-1]] = data.draw(st.sampled_from(values))
    forged = sealed(document)
    try:
        image, archived = read(forged)
        session = session_of(image)
    except Malformed:
        return
    again, sent = (
        json.loads(each, parse_int=float)["state_dict"]
        for each in (exported(session, archived), forged)
    )
    assert again == sent


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"state_dict": 1}', b"[" * 100_000])
def test_what_is_no_export_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"cannot be read|no state_dict"):
        read(body)


def test_deep_nesting_is_refused(rich: bytes) -> None:
    deep = b'{"session_id": ' + b"[" * 50_000 + b"]" * 50_000 + b", " + rich[1:]
    with pytest.raises(Malformed, match="cannot be read"):
        read(deep)


def test_memory_stays_bounded_however_many_memories_there_are(tmp_path: Any) -> None:
    record = read(exported(one_memory()))[0].memories[1]
    with (tmp_path / "large.json").open("w+b") as file:
        session = new_session()
        session.next_id, session.archived = 20_001, 20_000
        writer = DocumentWriter(file, "s", image_of(session))
        for number in range(1, 20_001):
            writer.add([replace(record, id=number)])
        writer.finish()
        size = file.seek(0, io.SEEK_END)
        tracemalloc.start()
        reader = DocumentReader(file, LARGEST)
        image = run_through(reader.image(run_through(reader.check())))
        assert sum(1 for _ in reader.memories()) == image.record.archived == 20_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 5_000_000
    assert peak < 2_000_000


def one_memory() -> Session:
    session = new_session()
    play(session, response=said("a few words"))
    return session
