import re

import pytest

from tests.web.conftest import Client


@pytest.mark.parametrize("sent", ["a", "0f-ee.B_1", "a" * 128])
async def test_a_sane_id_is_echoed(client: Client, sent: str) -> None:
    answer = await client.get("/v1/livez", headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "<script>", "a" * 129, "é", "a,b"])
async def test_any_other_is_replaced(client: Client, sent: str) -> None:
    answer = await client.get("/v1/livez", headers={"X-Request-ID": sent})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])


async def test_every_request_gets_its_own(client: Client) -> None:
    ids = {(await client.get("/v1/livez")).headers["X-Request-ID"] for _ in range(20)}
    assert len(ids) == 20


async def test_an_error_tells_it_in_its_body(client: Client) -> None:
    answer = await client.get("/v1/nowhere", headers={"X-Request-ID": "find-me"})
    assert answer.headers["X-Request-ID"] == "find-me"
    assert (await answer.json())["request_id"] == "find-me"
