from semvec.audit.refusals import MAX_REFUSAL_ROWS, MINUTE_S, ROWS, RefusedLoginLog
from tests.services import HeldClock, running


def counted(refusals: RefusedLoginLog, *, closing: bool = False) -> dict[str | None, str]:
    return {each.client_ip: each.details for each in refusals.due(closing=closing)}


def test_one_row_for_each_address_and_minute() -> None:
    clock = HeldClock()
    clock.now = 600.0
    refusals = RefusedLoginLog(clock)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        refusals.record(address)
    assert refusals.due() == []
    clock.now += MINUTE_S
    refusals.record("192.0.2.1")
    rows = refusals.due()
    assert [(row.at, row.status, row.subject) for row in rows] == [(600.0, 401, "")] * 2
    assert {row.client_ip: row.details for row in rows} == {
        "192.0.2.1": '{"count":2}',
        "192.0.2.2": '{"count":1}',
    }
    assert counted(refusals, closing=True) == {"192.0.2.1": '{"count":1}'}


def test_a_flood_of_addresses_is_bounded() -> None:
    clock = HeldClock()
    refusals = RefusedLoginLog(clock)
    for number in range(3 * MAX_REFUSAL_ROWS):
        refusals.record(f"address {number}")
    rows = refusals.due(closing=True)
    assert len(rows) == ROWS
    for _ in range(3):
        refusals.give_back(rows)
    assert len(refusals.due()) == ROWS


def test_what_is_beyond_the_bound_is_counted_together() -> None:
    clock = HeldClock()
    refusals = RefusedLoginLog(clock)
    for number in range(MAX_REFUSAL_ROWS + 5):
        refusals.record(f"address {number}")
    refusals.record("address 0")
    found = counted(refusals, closing=True)
    assert found["address 0"] == '{"count":2}'
    assert found[None] == '{"count":5}'


async def test_they_are_on_record_when_a_service_has_closed(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        service.trail.refused("192.0.2.9")
    async with running(sqlite_url) as service:
        (event,) = (await service.audit.query(action="login.refused")).items
        assert (event.client_ip, event.details, event.status) == ("192.0.2.9", {"count": 1}, 401)


async def test_the_log_goes_back_as_far_as_it_is_to(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock, audit_days=2.0) as service:
        await service.audit.write("old", "x")
        clock.now += 3 * 24 * 3600
        await service.audit.write("young", "x")
        await service.trail.sweep()
        actions = [each.action for each in (await service.audit.query()).items]
        assert actions == ["audit.prune", "young"]
        assert (await service.audit.verify()).intact
