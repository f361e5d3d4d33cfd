"""Imports that no server has exported, and one that overtakes a run."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any, BinaryIO

import pytest

from semvec.cache import CachedSession
from semvec.canonical import canonical
from semvec.errors import Malformed
from semvec.service import Service
from semvec.session.events import IsolationLevel
from tests.services import OWNER, create, isolate, put, recall, run, running, store, trigger

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
async def service(tmp_path: Any) -> AsyncIterator[Service]:
    async with running(f"sqlite:///{tmp_path}/semvec.db") as service:
        await create(service)
        await run(service, "how are you", "fine")
        await trigger(service)
        await put(service, "key")
        await isolate(service, IsolationLevel.QUARANTINE, ("bad",))
        await run(service, "bad")
        yield service


async def exported(service: Service, session_id: str = "s") -> bytes:
    file = await service.transfers.export(OWNER, session_id)
    try:
        return await asyncio.to_thread(file.read)
    finally:
        await asyncio.to_thread(file.close)


async def load(service: Service, document: bytes, session_id: str = "s") -> None:
    async def receive(file: BinaryIO) -> None:
        await asyncio.to_thread(file.write, document)

    await service.transfers.load(OWNER, session_id, receive)


def sealed(state_dict: dict[str, Any]) -> bytes:
    rest = {name: value for name, value in state_dict.items() if name != "checksum"}
    digest = sha256(canonical(rest).encode()).hexdigest()
    return json.dumps({"state_dict": rest | {"checksum": digest}}).encode()


def control(state_dict: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(each for each in state_dict["controls"] if each["type"] == kind)


FORGED: dict[str, Change] = {
    "held for the archive": lambda d: control(d, "held").update(tier=3),
    "held beyond importance": lambda d: control(d, "held").update(importance=5),
    "an entity beyond importance": lambda d: control(d, "entity").update(importance=-0.5),
    "a threshold that is no cosine": lambda d: control(d, "trigger").update(threshold=1e300),
    "a level of isolation": lambda d: control(d, "isolation").update(threshold=-1.5),
    "a similarity that is no cosine": lambda d: d["core"]["state"]["updates"][-1].update(
        similarity=1e308
    ),
    "the last id there is": lambda d: d["core"].update(next_control=2**53 - 1),
    "a division by 0": lambda d: d["core"]["state"].update(prior_weight=-2),
    "more controls than there can be": lambda d: d.update(
        controls=[control(d, "trigger") | {"id": 1 + n} for n in range(20_514)]
    ),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
async def test_what_would_break_a_session_later_is_refused(
    service: Service, change: Change
) -> None:
    before = await exported(service)
    state_dict = json.loads(before)["state_dict"]
    change(state_dict)
    with pytest.raises(Malformed):
        await load(service, sealed(state_dict))
    assert await exported(service) == before


@pytest.mark.parametrize("member", ["state_dict", "checksum", "session_id"])
async def test_a_member_twice_is_refused(service: Service, member: str) -> None:
    before = await exported(service)
    value = json.dumps(json.loads(before)[member]).encode()
    with pytest.raises(Malformed, match=f"has '{member}' twice"):
        await load(service, before[:-1] + b', "' + member.encode() + b'": ' + value + b"}")


@pytest.mark.parametrize("checksum", [[], {}, 1, True, "0" * 64], ids=str)
async def test_a_checksum_of_any_type_is_only_compared(service: Service, checksum: Any) -> None:
    document = json.loads(await exported(service))
    with pytest.raises(Malformed, match="checksum does not match"):
        await load(service, json.dumps(document | {"checksum": checksum}).encode())
    document["state_dict"]["checksum"] = checksum
    with pytest.raises(Malformed, match="checksum does not match"):
        await load(service, json.dumps({"state_dict": document["state_dict"]}).encode())


async def test_a_checksum_beside_that_is_null_was_not_given(service: Service) -> None:
    document = json.loads(await exported(service))
    await load(service, json.dumps(document | {"checksum": None}).encode())


async def test_no_refusal_repeats_a_large_value(service: Service) -> None:
    document = json.loads(await exported(service))
    document["state_dict"]["version"] = "x" * 100_000
    with pytest.raises(Malformed) as refused:
        await load(service, json.dumps(document).encode())
    assert len(refused.value.detail) < 2000


async def test_an_import_during_a_run_brings_nothing_old_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(service, "small", long_term_memories=1)
    empty = await exported(service, "small")
    for number in range(90):
        await store(service, f"old memory {number}", "small")
    look = service.recall.archived

    async def overtaken(hot: CachedSession, q: str | None) -> Any:
        monkeypatch.undo()
        found = await look(hot, q)
        assert found
        await load(service, empty, "small")
        return found

    monkeypatch.setattr(service.recall, "archived", overtaken)
    ran = await run(service, "which memory", session_id="small")
    assert "old memory" not in ran.context
    await run(service, "next", session_id="small")
    assert [item.text for item in await recall(service, "old memory", "small")] == ["which memory"]
