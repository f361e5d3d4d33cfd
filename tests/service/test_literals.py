"""The literal cache on real databases."""

import asyncio

import pytest

from semvec.errors import Malformed, NotFound
from semvec.paging import cursor_of
from tests.services import OWNER, HeldClock, create, evicted, find, put, rows, running


async def test_entities_are_kept_to_the_byte(database_url: str) -> None:
    clock = HeldClock()
    value = "line\r\n\ttab  end \u00e9 e\u0301 \u2028 \U0001f642 \\u0000"
    async with running(database_url, clock) as service:
        await create(service)
        assert await put(service, "src/a b.py", value) == 1
        assert await put(service, "MAX_RETRIES", "3") == 2
        assert await find(service, "retr") == [("MAX_RETRIES", "3", 0)]
        assert await find(service, "retr") == [("MAX_RETRIES", "3", 1)]
        assert await put(service, "MAX_RETRIES", "5") == 2
        assert await find(service) == [("MAX_RETRIES", "5", 2), ("src/a b.py", value, 0)]
        await find(service, "retries")
        await evicted(service, clock)
        assert await find(service) == [("MAX_RETRIES", "5", 3), ("src/a b.py", value, 0)]
        removed = await service.literals.remove(OWNER, "s", "src/a b.py")
        assert removed.removed
        seq = await rows(service, "events")
        with pytest.raises(NotFound, match="no entity"):
            await service.literals.remove(OWNER, "s", "src/a b.py")
        assert await rows(service, "events") == seq
        assert len(await find(service)) == 1


async def test_a_large_cache_is_searched_beside_the_event_loop(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await asyncio.gather(
            *(put(service, f"fileNumber{number}", f"content {'x ' * 500}") for number in range(100))
        )
        found = await service.literals.find(OWNER, "s", q="file number9", max_results=5)
        assert found.total == 11
        assert len(found.body.entities) == 5


async def test_pages_of_entities_lead_to_all_of_them(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        for number in range(7):
            await put(service, f"key{number}")
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            page = await service.literals.find(OWNER, "s", q="", max_results=3, cursor=cursor)
            assert page.total == page.body.total == 7
            seen += [each.key for each in page.body.entities]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == [f"key{number}" for number in reversed(range(7))]
        beyond = await service.literals.find(
            OWNER, "s", q="", max_results=3, cursor=cursor_of(2**63 - 1)
        )
        assert (beyond.body.entities, beyond.next_cursor) == ([], None)
        with pytest.raises(Malformed, match="cursor"):
            await service.literals.find(OWNER, "s", q="", max_results=3, cursor="x")
