from semvec.web.crowd import Crowd


def test_each_address_has_room_for_so_many_at_once() -> None:
    crowd = Crowd(2)
    assert [crowd.enter("a") for _ in range(3)] == [True, True, False]
    assert crowd.enter("b")
    assert crowd.turned_away == 1
    crowd.leave("a")
    assert [crowd.enter("a") for _ in range(2)] == [True, False]


def test_an_address_that_left_is_forgotten() -> None:
    crowd = Crowd(1)
    for number in range(100):
        assert crowd.enter(str(number))
        crowd.leave(str(number))
    assert not crowd._open
