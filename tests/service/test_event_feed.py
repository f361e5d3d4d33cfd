import asyncio

from semvec.service.event_feed import Notifier


async def test_a_topic_rings_for_those_who_follow_it_and_no_longer() -> None:
    bells, one, other = Notifier(shared=False), asyncio.Event(), asyncio.Event()
    with bells.subscribed("a", one):
        with bells.subscribed("a", other):
            bells.notify("a")
            assert one.is_set()
            assert other.is_set()
            one.clear()
            bells.notify("b")
        other.clear()
        bells.notify("a")
        assert one.is_set()
        assert not other.is_set()
    one.clear()
    bells.notify("a")
    assert not one.is_set()


def test_only_what_others_may_write_has_to_be_looked_at() -> None:
    assert Notifier(shared=False).poll_s is None
    assert Notifier(shared=True).poll_s == 1.0
