"""Behind an nginx that takes a prefix away and normalises paths: `proxy_pass` with a path."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from yarl import URL

from tests.browser import browsing
from tests.servers import Answer, Client, Refused, Server, serving

KEY = "../../victim"
PREFIX = "/memory"
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location {prefix}/ {{ proxy_pass {upstream}; }}
  }}
}}
"""


@asynccontextmanager
async def behind_nginx(server: Server, folder: Path) -> AsyncIterator[str]:
    """The address of the server below a prefix."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("no nginx")
    port = unused_port()
    filled = CONFIG.format(
        folder=folder, port=port, prefix=PREFIX, upstream=server.url.rstrip("/") + "/"
    )
    config = folder / "nginx.conf"
    await asyncio.to_thread(config.write_text, filled)
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(config), stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def ask(url: str, method: str, path: str) -> Answer:
    async with asyncio.timeout(20):
        while True:
            with suppress(Refused):
                async with Client(url) as client:
                    return await client.request(method, f"{PREFIX}{path}")
            await asyncio.sleep(0.1)


async def test_a_key_in_the_query_string_names_an_entity_and_nothing_else(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        for session in ("notes", "victim"):
            await client.post("/v1/session/create", session_id=session, dimension=2)
        entities = "/v1/session/notes/entities"
        await client.post(entities, key=KEY, kind="path", value="v")
        by_path = await client.delete(f"{entities}/..%2F..%2Fvictim")
        assert by_path.status == 422
        assert "?key=" in by_path.json()["detail"][0]["msg"]
        async with behind_nginx(server, tmp_path) as url:
            removed = await ask(url, "DELETE", f"{entities}?key=..%2F..%2Fvictim")
        assert removed.status == 200
        assert removed.json() == {"session_id": "notes", "key": KEY, "removed": True}
        assert (await client.get(entities)).json()["total"] == 0
        assert (await client.get("/v1/metrics/victim")).status == 200


async def test_pages_of_a_list_lead_on_below_a_prefix(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        for session in ("a", "b", "c"):
            await client.post("/v1/session/create", session_id=session, dimension=2)
        async with behind_nginx(server, tmp_path) as url:
            path, seen = "/v1/session/?limit=2", []
            for _ in range(2):
                answer = await ask(url, "GET", path)
                seen += [item["session_id"] for item in answer.json()]
                if "link" in answer.headers:
                    link = answer.headers["link"].partition(">")[0].removeprefix("<")
                    following = URL(f"{url}{PREFIX}{path}").join(URL(link, encoded=True))
                    path = following.raw_path_qs.removeprefix(PREFIX)
            assert sorted(seen) == ["a", "b", "c"]


async def test_the_pages_for_people_work_below_a_prefix(sqlite_url: str, tmp_path: Path) -> None:
    shown = "document.body?.innerText.includes('/v1/state/context')"
    step = "document.querySelector('#operations-sessions-list_sessions {}')"
    async with (
        serving(sqlite_url, tmp_path) as server,
        behind_nginx(server, tmp_path) as url,
        browsing(tmp_path / "profile") as tab,
    ):
        await ask(url, "GET", "/v1/livez")
        await tab.open(f"{url}{PREFIX}/docs")
        await tab.wait_for(shown)
        for part in (".opblock-summary-control", ".try-out__btn", ".execute"):
            await tab.wait_for(f"{step.format(part)} !== null")
            await tab.evaluate(f"{step.format(part)}.click()")
        status = step.format(".live-responses-table .response-col_status:not(.col_header)")
        await tab.wait_for(f"{status}?.innerText.startsWith('200')")
        assert all(each.startswith((f"{url}{PREFIX}/", "data:")) for each in tab.requested)
        assert tab.complaints == []
