"""Rate limits by client address, by refused logins and by licence."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semvec.clock import Clock
from semvec.licensing.token import Caller, LicenseTier
from semvec.limits.bucket import Charge, LimitDecision, RateLimit
from semvec.limits.local import LocalBuckets
from semvec.rate import Rate
from semvec.settings import Settings

if TYPE_CHECKING:
    from semvec.limits.shared import SharedBuckets


@dataclass(frozen=True, slots=True)
class Limits:
    """The configured limits; None means unlimited."""

    address: RateLimit | None
    logins: RateLimit | None
    tiers: Mapping[LicenseTier, RateLimit | None]


class Limiter:
    """Count requests in shared buckets if they are reachable, else in this process's own.

    `refused` counts refusals by limit.
    """

    def __init__(
        self, limits: Limits, local: LocalBuckets, shared: "SharedBuckets | None" = None
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._limits = limits
        self._local = local
        self._shared = shared

    @property
    def unshared(self) -> int:
        """Number of requests counted locally because the shared buckets did not answer."""
        return 0 if self._shared is None else self._shared.unanswered

    async def count_request(self, client: str, caller: Caller | None) -> LimitDecision | None:
        """Count a request from the address `client`; return the bucket that refused, else the one
        with the least left."""
        charges = []
        if (address := self._limits.address) is not None:
            charges.append((address, client))
        if caller is not None and (licence := self._limits.tiers[caller.tier]) is not None:
            charges.append((licence, caller.subject))
        if self._shared is None:
            return self._noted(self._local.take(charges))
        return await self._take(charges)

    async def count_refused_login(self, client: str) -> LimitDecision | None:
        """Count a request whose token is missing or was refused; return as `count_request` does."""
        limits = (self._limits.address, self._limits.logins)
        charges = [(limit, client) for limit in limits if limit is not None]
        return await self._take(charges)

    def may_log_in(self, client: str) -> bool:
        """Return whether the address may have another refused login; counts nothing."""
        logins = self._limits.logins
        return logins is None or self._local.has_room(logins, client)

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()

    async def _take(self, charges: Sequence[Charge]) -> LimitDecision | None:
        owed = None
        if self._shared is not None and charges:
            owed = await self._shared.take(charges)
        if owed is None:
            return self._noted(self._local.take(charges))
        self._local.copy(charges, owed)
        return self._noted(nearest(charges, owed))

    def _noted(self, standing: LimitDecision | None) -> LimitDecision | None:
        if standing is not None and not standing.allowed:
            self.refused[standing.limit.name] += 1
        return standing


def nearest(charges: Sequence[Charge], owed: Sequence[int]) -> LimitDecision:
    """Return the bucket that refused, else the one with the least left. `owed` is as returned by
    `SharedBuckets.take`."""
    standings = [
        LimitDecision.make(limit, debt if debt >= 0 else ~debt, debt >= 0)
        for (limit, _), debt in zip(charges, owed, strict=False)
    ]
    return min(standings, key=lambda standing: (standing.allowed, standing.remaining))


def open_limiter(settings: Settings, clock: Clock = time.monotonic) -> Limiter | None:
    """Create the configured limiter; None if nothing is limited."""
    if not settings.rate_limit:
        return None
    return Limiter(_limits(settings), LocalBuckets(clock), _shared(settings.rate_limit_url, clock))


def _limits(settings: Settings) -> Limits:
    def limit(name: str, of: str, rate: Rate | None) -> RateLimit | None:
        return None if rate is None else RateLimit.make(name, of, rate)

    return Limits(
        address=limit("address", "requests from this address", settings.limit_ip),
        logins=limit("logins", "refused logins from this address", settings.limit_preauth),
        tiers={
            "community": limit("community", "requests of this licence", settings.limit_community),
            "pro": limit("pro", "requests of this licence", settings.limit_pro),
            "enterprise": limit(
                "enterprise", "requests of this licence", settings.limit_enterprise
            ),
        },
    )


def _shared(url: str | None, clock: Clock) -> "SharedBuckets | None":
    if url is None:
        return None
    from semvec.limits.shared import SharedBuckets  # its library is an extra

    return SharedBuckets(url, clock)
