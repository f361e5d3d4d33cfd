import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.licensing.curve import FIELD_PRIME, IDENTITY, decode, has_small_order

SMALL_ORDER = {
    "order 1": "0100000000000000000000000000000000000000000000000000000000000000",
    "order 2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4": "0000000000000000000000000000000000000000000000000000000000000000",
    "order 4, odd": "0000000000000000000000000000000000000000000000000000000000000080",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, odd": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "order 8, other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8, other, odd": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}
NOT_CANONICAL = {
    "order 1, odd": "0100000000000000000000000000000000000000000000000000000000000080",
    "order 2, odd": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "order 4, p": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4, p, odd": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "order 1, p + 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 1, p + 1, odd": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "p + 3": (FIELD_PRIME + 3).to_bytes(32, "little").hex(),
}


@pytest.mark.parametrize("encoding", SMALL_ORDER.values(), ids=SMALL_ORDER)
def test_the_points_of_small_order(encoding: str) -> None:
    assert has_small_order(decode(bytes.fromhex(encoding)))


@pytest.mark.parametrize("encoding", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_an_encoding_that_is_not_canonical_is_no_point(encoding: str) -> None:
    with pytest.raises(ValueError, match="not"):
        decode(bytes.fromhex(encoding))


@pytest.mark.parametrize("y", [2, 7, FIELD_PRIME - 2])
def test_what_lies_beside_the_curve_is_no_point(y: int) -> None:
    with pytest.raises(ValueError, match="not a point of the curve"):
        decode(y.to_bytes(32, "little"))


def test_the_points_of_small_order_are_eight() -> None:
    points = {decode(bytes.fromhex(encoding)) for encoding in SMALL_ORDER.values()}
    assert len(points) == 8
    assert IDENTITY in points


def test_keys_that_are_drawn_are_of_large_order() -> None:
    for _ in range(20):
        encoding = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        x, y = decode(encoding)
        assert y.to_bytes(32, "little")[:31] == encoding[:31]
        assert x % 2 == encoding[31] >> 7
        assert not has_small_order((x, y))
