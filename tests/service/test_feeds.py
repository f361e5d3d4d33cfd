import asyncio

from semvec.service.feeds import Bells


async def test_a_topic_rings_for_those_who_follow_it_and_no_longer() -> None:
    bells, one, other = Bells(shared=False), asyncio.Event(), asyncio.Event()
    with bells.rung("a", one):
        with bells.rung("a", other):
            bells.ring("a")
            assert one.is_set()
            assert other.is_set()
            one.clear()
            bells.ring("b")
        other.clear()
        bells.ring("a")
        assert one.is_set()
        assert not other.is_set()
    one.clear()
    bells.ring("a")
    assert not one.is_set()


def test_only_what_others_may_write_has_to_be_looked_at() -> None:
    assert Bells(shared=False).poll_s is None
    assert Bells(shared=True).poll_s == 1.0
