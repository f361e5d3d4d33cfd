from io import BytesIO

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from semvec.web.reply import Download, file_response
from tests.web.conftest import Client, RecordingService


async def test_a_page_is_a_plain_list_and_the_way_on_is_in_the_headers(client: Client) -> None:
    path, seen = "/v1/session/?limit=2", []
    while path:
        answer = await client.get(path)
        assert answer.headers.get("Link", "<?").startswith("<?")
        seen.append([item["session_id"] for item in await answer.json()])
        assert answer.headers["X-Total-Estimate"] == "5"
        path = str(URL(answer.links["next"]["url"]).relative()) if answer.links else ""
        assert ("X-Next-Cursor" in answer.headers) == bool(path)
    assert seen == [["s0", "s1"], ["s2", "s3"], ["s4"]]


async def test_readiness_is_told_by_status_and_body(
    client: Client, service: RecordingService
) -> None:
    service.is_ready = False
    answer = await client.get("/v1/readyz")
    assert answer.status == 503
    assert await answer.json() == {"ready": False, "checks": {"database": "gone"}}


class Failing(BytesIO):
    """A file that cannot be read beyond its first megabyte."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 10**6:
            raise OSError("the disk is gone")
        return super().read(size)


async def test_a_download_that_breaks_off_does_not_look_whole() -> None:
    async def download(request: web.Request) -> web.Response:
        return file_response(Download(Failing(bytes(10**7))))

    app = web.Application()
    app.router.add_get("/", download)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        with pytest.raises(ClientPayloadError):
            await answer.read()
