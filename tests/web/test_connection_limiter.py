from semvec.web.connection_limiter import ConnectionLimiter


def test_each_address_has_room_for_so_many_at_once() -> None:
    crowd = ConnectionLimiter(2)
    assert [crowd.acquire("a") for _ in range(3)] == [True, True, False]
    assert crowd.acquire("b")
    assert crowd.turned_away == 1
    crowd.release("a")
    assert [crowd.acquire("a") for _ in range(2)] == [True, False]


def test_an_address_that_left_is_forgotten() -> None:
    crowd = ConnectionLimiter(1)
    for number in range(100):
        assert crowd.acquire(str(number))
        crowd.release(str(number))
    assert not crowd._open
