import threading
from dataclasses import dataclass

from semvec.embed.lanes import LONG_SHARE, Lanes


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    is_long: bool = False


def test_short_items_overtake_long_ones_which_still_get_their_share() -> None:
    lanes: Lanes[Item] = Lanes()
    for number in range(4):
        lanes.put(Item(f"long {number}", True))
    for number in range(12):
        lanes.put(Item(f"short {number}"))
    taken = [lanes.take() for _ in range(16)]
    names = [item.name for item in taken if item is not None]
    assert [name for name in names if "short" in name] == [f"short {n}" for n in range(12)]
    places = [names.index(f"long {n}") for n in range(4)]
    assert places == [LONG_SHARE * (n + 1) - 1 for n in range(4)]


def test_others_of_the_same_lane() -> None:
    lanes: Lanes[Item] = Lanes()
    long, short = Item("long", True), Item("short")
    lanes.put(long)
    assert lanes.more_like(short) is None
    assert (lanes.waiting_like(short), lanes.waiting_like(long)) == (0, 1)
    assert lanes.more_like(long) == long


def test_closing_ends_every_wait_once_all_is_taken() -> None:
    lanes: Lanes[Item] = Lanes()
    taken: list[Item] = []

    def work() -> None:
        while (item := lanes.take()) is not None:
            taken.append(item)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        lanes.put(Item(str(number), number % 2 == 0))
    lanes.close()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert len(taken) == 100
