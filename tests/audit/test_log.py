from pathlib import Path

import pytest

from semvec.audit import AuditLog, audit_log, audited
from semvec.errors import Conflict, Malformed
from semvec.store import Store, StoreError
from tests.services import HeldClock, running


async def test_what_is_written_can_be_queried(database_url: str) -> None:
    async with audit_log(database_url) as log:
        await log.write("backup", "session/s", subject="ada", details={"bytes": 7})
        await log.write("backup", "session/t", subject="bob", status=503, client_ip="::1")
        (event,) = (await log.query(subject="ada")).items
        assert (event.action, event.resource, event.status) == ("backup", "session/s", 200)
        assert event.details == {"bytes": 7}
        assert len(event.hash) == 64
        everything = (await log.query()).items
        assert [each.action for each in everything] == ["backup", "backup", "audit.open"]
        assert (await log.verify()).intact
    async with audit_log(database_url) as log:
        assert (await log.query(action="backup", resource="session/t")).items == everything[:1]


async def test_pages_follow_each_other(database_url: str) -> None:
    store, clock = Store(database_url), HeldClock()
    await store.open()
    log = AuditLog(store, clock)
    for number in range(7):
        clock.now += 1
        await log.write(f"a{number}", "x", subject="ada")
    seen: list[str] = []
    cursor = None
    while True:
        page = await log.query(subject="ada", limit=3, cursor=cursor)
        assert page.total == 7
        seen += [each.action for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        await log.write("later", "x", subject="bob")
    assert seen == ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]
    since = (await log.query(subject="ada", since=clock.now - 1)).items
    assert [each.action for each in since] == ["a6", "a5"]
    with pytest.raises(Malformed):
        await log.query(cursor="nonsense")
    await store.close()


async def test_calls_go_on_record_with_how_they_ended(sqlite_url: str) -> None:
    async with audit_log(sqlite_url) as log:

        @audited(log, "add", "numbers", subject="ada")
        async def add(one: int, other: int = 1) -> int:
            if other == 0:
                raise Conflict("nothing to add")
            return one // other + one % other

        assert await add(1) == 1
        assert add.__name__ == "add"
        with pytest.raises(Conflict):
            await add(1, other=0)
        with pytest.raises(TypeError):
            await add("one")  # type: ignore[arg-type]
        ended = [(each.status, each.details) for each in (await log.query(subject="ada")).items]
        assert ended == [(500, {"error": "TypeError"}), (409, {"error": "Conflict"}), (200, {})]


async def test_a_database_that_a_server_has_is_not_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/semvec.db"
    async with running(url) as service:
        with pytest.raises(StoreError, match="in use"):
            async with audit_log(url):
                pass
        await service.audit.write("mine", "x")
        store = Store(url)
        assert (await AuditLog(store).verify()).rows == 2
        await store.engine.dispose()
