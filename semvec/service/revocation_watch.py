"""Keeps the list of revoked tokens in step with the database."""

import asyncio
import contextlib
import logging

from semvec.errors import Unavailable
from semvec.licensing.revocations import Revocations
from semvec.store import Listed, Store

REVOCATION_POLL_S = 1.0
MAX_NAMED_TOKENS = 100
"""Lost tokens that a log line names."""

log = logging.getLogger(__name__)


class RevocationWatch:
    """Reads the list at the start and then every second, independent of requests.

    While storage does not answer, earlier revocations stay in effect. Tokens missing from a later
    list stay revoked until the process ends: the list of one database only grows, so a loss means
    an older database.
    """

    def __init__(self, store: Store) -> None:
        self.revoked = Revocations()
        self._store = store
        self._listed: Listed | None = None
        self._revoked: frozenset[str] = frozenset()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._refresh()
        self._watching = asyncio.create_task(self._watch(), name="semvec-revocations")

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        answered = True
        while True:
            await asyncio.sleep(REVOCATION_POLL_S)
            try:
                await self._refresh()
                answered = True
            except Unavailable as error:
                if answered:
                    log.warning("the list of revoked tokens grows old: %s", error)
                answered = False

    async def _refresh(self) -> None:
        listed = await self._store.revoked(self._listed)
        if listed is None:
            return
        if lost := self._revoked - listed.ids:
            log.warning(
                "the database no longer lists %d revoked tokens: they stay revoked until this "
                "server ends; revoke them again: %s",
                len(lost),
                ", ".join(sorted(lost)[:MAX_NAMED_TOKENS]),
            )
        self._listed, self._revoked = listed, self._revoked | listed.ids
        log.info("%d tokens are revoked", len(self._revoked))
        self.revoked.replace(self._revoked)
