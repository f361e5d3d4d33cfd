from io import BufferedReader, RawIOBase

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from semvec.web.reply import Download, file_response
from tests.web.conftest import Client, RecordingService


async def test_a_page_is_a_plain_list_and_the_way_on_is_in_the_headers(client: Client) -> None:
    path, seen = "/v1/session/?limit=2&x=%26", []
    while path:
        answer = await client.get(path)
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


class Failing(RawIOBase):
    """A file of 10 MB that cannot be read beyond its first one."""

    def __init__(self) -> None:
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, 10**7)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self.at >= 10**6:
            raise OSError("the disk is gone")
        self.at += len(buffer)
        return len(buffer)


async def test_a_download_that_breaks_off_does_not_look_whole() -> None:
    async def download(request: web.Request) -> web.Response:
        return file_response(Download(BufferedReader(Failing())))

    app = web.Application()
    app.router.add_get("/", download)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        with pytest.raises(ClientPayloadError):
            await answer.read()
