"""Ed25519 points: check that an encoding is a safe public key (RFC 8032, section 5.1)."""

FIELD_PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, FIELD_PRIME) % FIELD_PRIME
SIGN = 1 << 255
ROOT_OF_MINUS_ONE = pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME)
COFACTOR = 8

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def decode(encoding: bytes) -> Point:
    """Decode a point. Raise ValueError if the encoding is not canonical or not a point of the
    curve."""
    number = int.from_bytes(encoding, "little")
    y, is_odd = number % SIGN, number >= SIGN
    if len(encoding) != 32 or y >= FIELD_PRIME:
        raise ValueError("not the canonical encoding of a point")
    x = _root((y * y - 1) * pow(D * y * y + 1, -1, FIELD_PRIME) % FIELD_PRIME)
    if x is None or (x == 0 and is_odd):
        raise ValueError("not a point of the curve")
    return (FIELD_PRIME - x if x % 2 != is_odd else x), y


def has_small_order(point: Point) -> bool:
    """Return whether eight times the point is the identity; there are eight such points."""
    for _ in range(COFACTOR.bit_length() - 1):
        point = _doubled(point)
    return point == IDENTITY


def _root(square: int) -> int | None:
    root = pow(square, (FIELD_PRIME + 3) // 8, FIELD_PRIME)
    for candidate in (root, root * ROOT_OF_MINUS_ONE % FIELD_PRIME):
        if candidate * candidate % FIELD_PRIME == square:
            return candidate
    return None


def _doubled(point: Point) -> Point:
    x, y = point
    product = D * x * x * y * y
    return 2 * x * y * pow(1 + product, -1, FIELD_PRIME) % FIELD_PRIME, (y * y + x * x) * pow(
        1 - product, -1, FIELD_PRIME
    ) % FIELD_PRIME
