"""The copies in memory make room in the order of their last use."""

from semvec.cache import CachedSession
from semvec.cache.lru import LruCache
from semvec.telemetry.protocol import Reason
from tests.services import OWNER
from tests.session.conversations import new_session


def resident(residents: LruCache, name: str, key: int, now: float = 0) -> CachedSession:
    return residents.put(CachedSession((OWNER, name), key, new_session(), now))


def opened(max_sessions: int = 10) -> tuple[LruCache, list[tuple[str, Reason]]]:
    """Residents, and who was told to leave."""
    told: list[tuple[str, Reason]] = []
    residents = LruCache(
        lambda hot, reason: told.append((hot.name[1], reason)),
        max_sessions=max_sessions,
        memory_bytes=1 << 30,
        idle_ttl_s=100,
    )
    return residents, told


def test_who_was_used_longest_ago_makes_room_once() -> None:
    residents, told = opened(max_sessions=2)
    first = resident(residents, "a", 1)
    resident(residents, "b", 2)
    residents.touch(first, 1)
    resident(residents, "c", 3)
    residents.sweep(1)
    assert told == [("b", "room")]


def test_who_is_idle_is_swept_out() -> None:
    residents, told = opened()
    resident(residents, "a", 1, now=0)
    resident(residents, "b", 2, now=50)
    residents.sweep(101)
    assert told == [("a", "idle")]


def test_a_lower_limit_counts_and_a_higher_one_does_not() -> None:
    residents, told = opened()
    for key, name in enumerate("abc", 1):
        hot = resident(residents, name, key)
    assert residents.nbytes == 3 * hot.nbytes
    residents.limit_bytes(hot.nbytes)
    residents.limit_bytes(1 << 40)
    residents.sweep(0)
    assert told == [("a", "room"), ("b", "room")]


def test_of_two_copies_of_a_name_the_newer_session_stays() -> None:
    residents, _ = opened()
    old = resident(residents, "a", 1)
    new = resident(residents, "a", 2)
    assert resident(residents, "a", 1) is new
    residents.evict(old)
    assert (old.is_live, new.is_live) == (False, True)
    assert (list(residents), residents.nbytes) == ([new], new.nbytes)
    assert residents.has((OWNER, "a"), 2)
    assert not residents.has((OWNER, "a"), 1)
