"""Buckets in Redis or Valkey, shared by all servers with the same URL."""

import asyncio
import logging
import re
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from semvec.clock import Clock
from semvec.limits.bucket import Charge

PREFIX = "semvec:limit"
CONNECTIONS = 1024

TIMEOUT_S = 0.25
"""Seconds that a request waits for an answer at most."""

REDIS_PROBE_S = 1.0
"""Seconds between attempts to reach Redis again; one request tries, the others do not wait."""

TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers = {}
for i, key in ipairs(KEYS) do
  local interval, depth = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full_at = tonumber(redis.call('GET', key) or now)
  local owed = math.min(math.max(0, full_at - now), depth)
  if owed + interval > depth then
    answers[i] = -1 - owed
    return answers
  end
  owed = owed + interval
  redis.call('SET', key, string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000))
  answers[i] = owed
end
return answers
"""
"""`LocalBuckets.take` as a script, by the clock of Redis."""

log = logging.getLogger(__name__)


class SharedBuckets:
    """Buckets in Redis. Errors and timeouts are not raised; `unanswered` counts them."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.unanswered = 0
        self._redis = Redis.from_url(
            re.sub("^valkey", "redis", url),
            max_connections=CONNECTIONS,
            driver_info=None,  # else each connection reads its library's version from disk
            retry=Retry(NoBackoff(), 1),  # for an idle connection that Redis has closed
        )
        self._script = self._redis.register_script(TAKE)
        self._clock = clock
        self._ask_again_at: float | None = None

    async def take(self, charges: Sequence[Charge]) -> list[int] | None:
        """Charge the buckets in one round trip; None if no answer arrived in time. Return what each
        bucket owes, in microseconds; `-1 - owed` for the one that refused."""
        if not self._may_ask():
            self.unanswered += 1
            return None
        keys = [f"{PREFIX}:{limit.name}:{key}" for limit, key in charges]
        bounds = [bound for limit, _ in charges for bound in (limit.interval, limit.depth)]
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answers: list[int] = await self._script(keys, bounds)
        except (RedisError, OSError) as error:
            self._note_silence(error)
            return None
        self._note_answer()
        return answers

    async def close(self) -> None:
        await self._redis.aclose()

    def _may_ask(self) -> bool:
        if self._ask_again_at is None:
            return True
        if self._clock() < self._ask_again_at:
            return False
        self._ask_again_at = self._clock() + REDIS_PROBE_S
        return True

    def _note_silence(self, error: Exception) -> None:
        self.unanswered += 1
        if self._ask_again_at is None:
            reason = str(error) or f"no answer within {TIMEOUT_S} s"
            log.warning("limits are no longer shared, each process counts alone: %s", reason)
        self._ask_again_at = self._clock() + REDIS_PROBE_S

    def _note_answer(self) -> None:
        if self._ask_again_at is not None:
            log.warning("limits are shared again")
            self._ask_again_at = None
