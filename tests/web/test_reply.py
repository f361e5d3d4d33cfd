from yarl import URL

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
