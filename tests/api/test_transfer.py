"""Whole sessions between real servers."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import psutil

from tests.documents import write_large
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import DIMENSION, embedding

LONG_TERM = 1


async def create(client: Client, session_id: str) -> None:
    fields = {"session_id": session_id, "dimension": DIMENSION, "long_term_memories": LONG_TERM}
    answer = await client.post("/v1/session/create", **fields)
    assert answer.json()["created"]


async def fill(client: Client, session_id: str, words: str) -> bytes:
    """A session with an archive, and its export."""
    await create(client, session_id)
    for number in range(90):
        text = f"{words} {number}"
        said = {"session_id": session_id, "response": text, "response_embedding": embedding(text)}
        assert (await client.post("/v1/store", **said)).status == 200
    return await export(client, session_id)


async def export(client: Client, session_id: str) -> bytes:
    answer = await client.get(f"/v1/session/{session_id}/export")
    assert answer.status == 200
    assert answer.json()["session_id"] == session_id
    return answer.body[answer.body.index(b'"state_dict":') : -1]


async def load(client: Client, session_id: str, state_dict: bytes) -> bool:
    path = f"/v1/session/{session_id}/import"
    answer = await client.request("POST", path, b"{%s}" % state_dict)
    assert answer.status == 200, answer.body
    assert answer.json() == {"session_id": session_id, "imported": True}
    return True


async def consistent(client: Client, session_id: str) -> bool:
    probes = [embedding(f"remark {number}") for number in range(10)]
    path = f"/v1/session/{session_id}/verify"
    answer = (await client.post(path, test_embeddings=probes)).json()
    found: bool = answer["consistent"]
    assert found == all(check["ok"] for check in answer["checks"])
    return found


async def test_promise_4_from_one_server_into_another_and_back(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        serving(sqlite_url, tmp_path) as one,
        serving(postgres_url, tmp_path) as other,
        one.client() as here,
        other.client() as there,
    ):
        state_dict = await fill(here, "mine", "remark")
        await fill(there, "yours", "notice")
        assert await load(there, "yours", state_dict)
        assert await export(there, "yours") == state_dict
        assert await consistent(there, "yours")
        await create(here, "back")
        assert await load(here, "back", await export(there, "yours"))
        assert await export(here, "back") == state_dict
        asked = {"q": "remark 3", "q_embedding": embedding("remark 3"), "top_k": 7}
        answers = []
        for client, session_id in ((there, "yours"), (here, "back")):
            answer = await client.post("/v1/state/context", session_id=session_id, **asked)
            answers.append([item["text"] for item in answer.json()["context"]])
        assert answers[0] == answers[1]
        assert answers[0][0] == "remark 3"


async def test_what_is_refused_says_why_and_changes_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        state_dict = await fill(client, "s", "remark")
        changed = state_dict.replace(b"remark 5", b"remark 6")
        for body, status, reason in (
            (b"{%s}" % changed, 400, "the checksum does not match"),
            (b"{%s" % state_dict[:-40], 400, "the export cannot be read"),
            (b"{}", 400, "there is no state_dict"),
            (b"", 400, "the export cannot be read"),
        ):
            answer = await client.request("POST", "/v1/session/s/import", body)
            assert answer.status == status
            assert reason in answer.json()["detail"]
        await client.post("/v1/session/create", session_id="other", dimension=DIMENSION + 1)
        answer = await client.request("POST", "/v1/session/other/import", b"{%s}" % state_dict)
        assert answer.status == 409
        answer = await client.request("POST", "/v1/session/none/import", b"{%s}" % state_dict)
        assert answer.status == 404
        assert await export(client, "s") == state_dict
        assert await consistent(client, "s")


async def test_a_kill_leaves_the_old_session_or_the_new_one(
    database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path) as server, server.client() as client:
        held = await fill(client, "s", "remark")
        wanted = await fill(client, "other", "notice")
    for pause in (0.01, 0.05, None):
        async with serving(database_url, tmp_path) as server:
            acknowledged = await killed_while_importing(server, wanted, pause)
        async with serving(database_url, tmp_path) as server, server.client() as client:
            found = await export(client, "s")
            assert found in (held, wanted)
            assert not acknowledged or found == wanted
            assert await consistent(client, "s")
            if found == wanted:
                held, wanted = wanted, held
    assert acknowledged


async def killed_while_importing(server: Server, state_dict: bytes, pause: float | None) -> bool:
    """Whether the import was acknowledged; without a pause the kill comes right after that."""
    async with server.client() as client:
        loading = asyncio.create_task(load(client, "s", state_dict))
        await asyncio.wait([loading], timeout=pause)
        await server.kill()
        try:
            return await loading
        except (Cut, Refused):
            return False


async def test_a_large_session_never_lies_in_memory_as_a_whole(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        await asyncio.to_thread(write_large, file, 5_000, 10_000)
    size = path.stat().st_size
    assert size > 50_000_000
    document = await asyncio.to_thread(path.read_bytes)
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await client.post("/v1/session/create", session_id="large", dimension=DIMENSION)
        before = psutil.Process(server.process.pid).memory_info().rss
        with peak_rss(server.process.pid) as peaks:
            answer = await client.request("POST", "/v1/session/large/import", document)
            assert answer.status == 200, answer.body
            answer = await client.get("/v1/session/large/export")
        assert answer.body == document
        assert max(peaks) - before < size / 2
        head = (await client.get("/v1/metrics/large")).json()
        assert head["total_memories"] == 5_000
        text = json.loads(document)["state_dict"]["memories"][123]["response"]
        context = {"session_id": "large", "q": text[:40], "q_embedding": [1.0] + [0.0] * 7}
        found = await client.post("/v1/state/context", **context)
        assert found.json()["context"][0]["text"] == text[:500]


@contextmanager
def peak_rss(pid: int) -> Iterator[list[int]]:
    """Resident bytes of a process, looked at again and again."""
    found, ended, process = [0], Event(), psutil.Process(pid)

    def watch() -> None:
        while not ended.wait(0.01):
            found.append(process.memory_info().rss)

    watching = Thread(target=watch)
    watching.start()
    yield found
    ended.set()
    watching.join()
