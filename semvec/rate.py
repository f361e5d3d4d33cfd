"""How much of something is allowed, as an operator writes it."""

import re
from dataclasses import dataclass

RATE = re.compile(r"(\d+(?:\.\d+)?)/(\d+)")
MOST_PER_SECOND = 100_000
LONGEST_FILL_S = 10_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `burst` at once, refilled by `per_second`."""

    per_second: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """`500/1000` is 500 a second and 1,000 at once; `none` no limit. Raises ValueError."""
        if text == "none":
            return None
        parts = RATE.fullmatch(text)
        if not parts:
            raise ValueError(
                "must be RATE/BURST, as in 500/1000 (per second, and at once), or none"
            )
        rate = cls(float(parts[1]), int(parts[2]))
        if not 0 < rate.per_second <= MOST_PER_SECOND or not rate.burst:
            raise ValueError(f"must allow at least one, and at most {MOST_PER_SECOND} a second")
        if rate.burst / rate.per_second > LONGEST_FILL_S:
            raise ValueError(f"must refill its burst within {LONGEST_FILL_S} seconds")
        return rate

    def __str__(self) -> str:
        return f"{self.per_second:g}/{self.burst}"
