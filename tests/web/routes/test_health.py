from aiohttp import web

from semvec import __version__
from semvec.web.draining import DRAINING
from tests.web.conftest import Client, Serve


async def test_health_tells_what_is_held(client: Client) -> None:
    body = await (await client.get("/v1/health")).json()
    assert body == {"status": "ok", "active_sessions": 3, "version": __version__}


async def test_the_process_is_alive(client: Client) -> None:
    assert await (await client.get("/v1/livez")).json() == {"status": "ok"}


async def test_it_is_ready(client: Client) -> None:
    answer = await client.get("/v1/readyz")
    assert answer.status == 200
    assert await answer.json() == {"ready": True, "checks": {"database": "ok"}}


async def test_a_draining_server_is_not_ready(app: web.Application, serve: Serve) -> None:
    client = await serve(app)
    assert (await client.get("/v1/readyz")).status == 200
    app[DRAINING].begin()
    answer = await client.get("/v1/readyz")
    assert answer.status == 503
    assert await answer.json() == {"ready": False, "checks": {"server": "draining"}}
