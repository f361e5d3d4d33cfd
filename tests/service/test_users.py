"""Users of an owner, as the service tells of them."""

import asyncio

import pytest
import sqlalchemy

from semvec.errors import Invalid, NotFound
from semvec.service import Service
from tests.services import OWNER, HeldClock, create, run, running, store


async def test_sessions_are_made_for_the_active_user_and_stay_within_reach(
    database_url: str,
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        assert (await service.users.active(OWNER)).active_user == "default"
        await create(service, "early")
        switched = await service.users.switch(OWNER, "bob")
        assert (switched.previous_user, switched.active_user) == ("default", "bob")
        clock.now += 5.0
        await create(service, "late")
        made = await run(service, "Hello", session_id=None)
        await store(service, "still there", "early")
        default = await service.users.serialize(OWNER, "default")
        bob = await service.users.serialize(OWNER, "bob")
    assert [each.session_id for each in default.state.sessions] == ["early"]
    (early,) = default.state.sessions
    assert (early.interaction_count, early.total_memories, early.dimension) == (1, 1, 8)
    assert (early.trust, early.last_used_at) == (0.5, clock.now)
    assert {each.session_id for each in bob.state.sessions} == {"late", made.session_id}
    assert (bob.state.active, bob.state.session_count, bob.state.saved_at) == (True, 2, None)
    assert (default.state.active, default.state.saved_at) == (False, clock.now - 5.0)


async def test_an_unknown_user_is_not_found_but_the_first_one_is(database_url: str) -> None:
    async with running(database_url) as service:
        first = await service.users.serialize(OWNER, "default")
        assert (first.state.active, first.state.sessions) == (True, [])
        await service.users.switch("bea", "bob")
        with pytest.raises(NotFound, match="user 'bob' not found"):
            await service.users.serialize(OWNER, "bob")


async def test_switches_at_once_make_one_chain(database_url: str) -> None:
    async with running(database_url) as service:
        await chain(service)


async def test_switches_on_two_servers_make_one_chain(postgres_url: str) -> None:
    async with running(postgres_url) as one, running(postgres_url) as other:
        await chain(one, other)


async def chain(*services: Service) -> None:
    """Whoever is named as the one before was active, and nobody is named twice."""
    switches = [each.users.switch(OWNER, f"u{n}") for n, each in enumerate(services * 8)]
    done = await asyncio.gather(*switches)
    last = (await services[0].users.active(OWNER)).active_user
    named = sorted(each.previous_user for each in done)
    assert named == sorted({"default", *(each.active_user for each in done)} - {last})


async def test_the_active_user_outlives_the_server(database_url: str) -> None:
    async with running(database_url) as service:
        await service.users.switch(OWNER, "bob")
    async with running(database_url) as service:
        assert (await service.users.active(OWNER)).active_user == "bob"
        assert (await service.users.switch(OWNER, "bob")).previous_user == "bob"


@pytest.mark.parametrize("user_id", [".", "..", "a/../b", "a//b", "a/"])
async def test_a_new_user_has_an_id_that_survives_in_a_path(
    database_url: str, user_id: str
) -> None:
    async with running(database_url) as service:
        with pytest.raises(Invalid, match="take out of a URL") as refused:
            await service.users.switch(OWNER, user_id)
        assert refused.value.faults[0]["loc"] == ["body", "user_id"]
        assert (await service.users.active(OWNER)).active_user == "default"


async def test_a_user_of_an_older_release_stays_reachable_under_any_id(database_url: str) -> None:
    async with running(database_url) as service:
        made = "UPDATE active_users SET user_id = '..'", "UPDATE users SET user_id = '..'"
        await service.users.switch(OWNER, "dot")
        async with service.database.engine.begin() as connection:
            for statement in made:
                await connection.execute(sqlalchemy.text(f"{statement} WHERE user_id = 'dot'"))
        assert (await service.users.switch(OWNER, "bob")).previous_user == ".."
        assert (await service.users.switch(OWNER, "..")).active_user == ".."
        assert (await service.users.serialize(OWNER, "..")).state.active
