"""Clients that other people's tools generate from the document do what they are for."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.servers import Server, serving

PROGRAM = Path(__file__).parent / "generated" / "program.ts"
PACKAGES = ("openapi-typescript@7", "typescript@5")
TALK = """
import sys
from semvec_api import Client
from semvec_api.api.conversation import run, store
from semvec_api.api.literals import delete_entity, find_entities, put_entity
from semvec_api.api.sessions import create_session, delete_session, list_sessions
from semvec_api.api.state import get_context
from semvec_api.models import (
    CreateSessionRequest, EntityCreate, EntityCreateKind, RunRequest, StoreRequest, ValidationError,
)

KEY = "../a b/c?.py"
with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    made = create_session.sync(client=client, body=CreateSessionRequest(session_id="alice"))
    assert made.created
    said = StoreRequest(session_id="alice", response="We chose PostgreSQL for billing.")
    assert store.sync(client=client, body=said).learned
    asked = RunRequest(message="Which database did we choose?", session_id="alice", learn=False)
    answer = run.sync(client=client, body=asked)
    assert "PostgreSQL" in answer.context, answer
    context = get_context.sync(client=client, session_id="alice", q="billing", top_k=1)
    assert [each.text for each in context.context] == ["We chose PostgreSQL for billing."]
    entity = EntityCreate(key=KEY, kind=EntityCreateKind.PATH, value="v")
    assert put_entity.sync("alice", client=client, body=entity).size == 1
    assert find_entities.sync("alice", client=client).entities[0].key == KEY
    assert delete_entity.sync("alice", client=client, key=KEY).removed
    assert [each.session_id for each in list_sessions.sync(client=client)] == ["alice"]
    refused = run.sync(client=client, body=RunRequest(message=""))
    assert isinstance(refused, ValidationError), refused
    assert refused.detail[0].loc == ["body", "message"]
    assert delete_session.sync("alice", client=client).session_id == "alice"
"""


async def run(*command: str, folder: Path, **variables: str) -> str:
    """What a command says; it has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=os.environ | variables, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def save_document(server: Server, folder: Path) -> None:
    async with server.client() as client:
        document = await client.get("/openapi.json")
    await asyncio.to_thread((folder / "openapi.json").write_bytes, document.body)


@pytest.mark.slow
async def test_generated_types_for_typescript_compile_under_strict(
    sqlite_url: str, tmp_path: Path
) -> None:
    if shutil.which("npm") is None:
        missing = "no npm: apt-get install npm"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    async with serving(sqlite_url, tmp_path) as server:
        await save_document(server, tmp_path)
    shutil.copy(PROGRAM, tmp_path)
    await run("npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES, folder=tmp_path)
    tools = tmp_path / "node_modules" / ".bin"
    # Fields with a default may be left out of requests: the tool has to be told.
    flag = "--default-non-nullable=false"
    await run(
        str(tools / "openapi-typescript"), "openapi.json", "-o", "api.ts", flag, folder=tmp_path
    )
    await run(str(tools / "tsc"), "--strict", "--noEmit", "program.ts", folder=tmp_path)


async def test_a_generated_python_client_talks_to_the_server(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path, SEMVEC_EMBEDDER="local") as server:
        await save_document(server, tmp_path)
        said = await run(
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", "openapi.json", "--meta", "none", "--output-path", "semvec_api"),
            folder=tmp_path,
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        )
        assert "WARNING parsing" not in said
        await run(sys.executable, "-c", TALK, server.url, folder=tmp_path)
