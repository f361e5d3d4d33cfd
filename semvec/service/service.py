"""All that the server can do, put together; how it starts, ends and looks after itself."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext

from semvec import answers
from semvec.audit import AuditLog
from semvec.clock import Clock
from semvec.embed.local import LocalEmbedder
from semvec.embed.opening import open_embedder
from semvec.embed.protocol import Embedder
from semvec.embed.target import Target
from semvec.errors import SemvecError
from semvec.hot import HotSessions, Scans
from semvec.hot.steering import Steering
from semvec.intake import Intake
from semvec.kernels.arena import Arena
from semvec.kernels.opening import Opened, open_device
from semvec.licensing.revocations import Revocations
from semvec.service.aside import Aside
from semvec.service.clusters import Clusters
from semvec.service.control import Control
from semvec.service.conversation import Conversation
from semvec.service.drifts import Drifts
from semvec.service.encoders import EncoderRecords
from semvec.service.feeds import Bells
from semvec.service.gathering import Gathering
from semvec.service.literals import LiteralCache
from semvec.service.moving import Moving
from semvec.service.network import Network
from semvec.service.observer import Observer
from semvec.service.realigning import Realigning
from semvec.service.recall import Recall
from semvec.service.regions import Regions
from semvec.service.repeats import Repeats
from semvec.service.revoking import RevocationWatch
from semvec.service.sampling import Sampling
from semvec.service.sessions import Sessions
from semvec.service.trail import Trail
from semvec.service.transfers import Transfers
from semvec.service.users import Users
from semvec.service.verification import Verification
from semvec.settings import Settings
from semvec.store import Store
from semvec.telemetry.metrics import Metrics
from semvec.telemetry.protocol import SILENT, Span

log = logging.getLogger(__name__)

LAGGING_S = 5.0
"""Age of the oldest waiting write past which the server is not ready."""


class Service:
    """What it can do: `sessions`, `conversation`, `recall`, `control`, `literals`, `transfers`,
    `verification`, `clusters`, `regions`, `network`, `users`, `observer`, `sampling`; who did what:
    `audit`, `trail`; `repeats`."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
        metrics: Metrics | None = None,
        span: Span = nullcontext,
        open_device: Callable[[str], Opened | None] = open_device,
    ) -> None:
        self.database, self._embedder, self._settings = store, embedder, settings
        self.clock = clock
        self._intake = intake = Intake(embedder, settings.long_term_memories, span)
        self._encoders = EncoderRecords(store, clock)
        self._scans = Scans(SILENT if metrics is None else metrics.kernels)
        self._open_device = open_device
        self._hot = HotSessions(
            store,
            clock,
            Arena(settings.memory_bytes),
            self._scans,
            max_sessions=settings.max_sessions,
            memory_bytes=settings.memory_bytes,
            idle_ttl_s=settings.session_idle_ttl_s,
            telemetry=SILENT if metrics is None else metrics.sessions,
            span=span,
        )
        self.sessions = Sessions(self._hot, store, intake, clock, new_id)
        self.recall = Recall(self._hot, self._scans, store, intake, clock, span)
        steering, moving = Steering(self._hot, store), Moving(self._hot)
        gathering = Gathering(store, self._hot)
        bells = Bells(shared=store.shared)
        realigning = Realigning(store, self._hot, steering, gathering, moving, bells, clock)
        self._realigning, drifts = realigning, Drifts(store, realigning)
        size = settings.context_tokens
        self.conversation = Conversation(
            self._hot, intake, self.sessions, self.recall, drifts, clock, size, span
        )
        self.clusters = Clusters(
            store, self._hot, intake, steering, gathering, moving, realigning, clock, new_id
        )
        self.regions = Regions(store, self._hot, intake, realigning, bells, clock, new_id)
        self.control = Control(self._hot, intake)
        self.literals = LiteralCache(self._hot)
        aside = Aside(store)
        self.transfers = Transfers(aside, store, self._hot, intake, clock, settings.max_body_bytes)
        self.verification = Verification(aside, self._hot)
        self.network = Network(store, self._hot)
        self.users = Users(store, clock)
        self.observer = Observer(store, self._hot, intake, bells, clock, new_id)
        self.sampling = Sampling(store, self._hot, bells, clock)
        self.audit = AuditLog(store, clock)
        self.trail = Trail(store, clock, settings.audit_days)
        self.repeats = Repeats(store, clock, settings.repeats_per_subject)
        self._revocations = RevocationWatch(store)
        self._sweeper: asyncio.Task[None] | None = None
        if metrics is not None:
            self._show(metrics)

    @property
    def resident(self) -> int:
        return len(self._hot.residents)

    @property
    def revoked(self) -> Revocations:
        """The tokens that are revoked, up to date while the service runs."""
        return self._revocations.revoked

    async def start(self) -> None:
        opened = await asyncio.to_thread(self._open_device, self._settings.device)
        self._scans.use(opened)
        if opened is not None:
            self._hot.residents.limit(opened.memory_bytes)
        await self.database.open()
        await self._revocations.start()
        await self._start_embedder(opened)
        self.sampling.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def _start_embedder(self, opened: Opened | None) -> None:
        """On the device too, if it is one that knows how."""
        again = None if opened is None else opened.again
        if again is not None and isinstance(self._embedder, LocalEmbedder):
            await self._embedder.start(Target(again))
        elif self._embedder is not None:
            await self._embedder.start()
        if self._embedder is not None:
            self._intake.recognise(await self._encoders.recognise(self._embedder))

    async def close(self) -> None:
        """Commit, snapshot, close embedder and storage."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self.sampling.close()
        await self._revocations.close()
        await self._hot.close()
        await self._scans.close()
        await self.trail.sweep(closing=True)
        if self._embedder is not None:
            await self._embedder.close()
        await self.database.close()

    def sweep(self) -> None:
        """Start the eviction of idle sessions, and of those beyond what may be hot."""
        self._hot.sweep()

    async def ready(self) -> answers.Ready:
        try:
            await self.database.ping()
            database = "ok"
        except SemvecError as error:
            log.warning("not ready: %s", error)
            database = error.detail
        lag = self.database.lag
        journal = "ok" if lag < LAGGING_S else f"the oldest write has waited {lag:.1f} s"
        embedder = "ok" if self._embedder is not None else "none"
        checks = {"database": database, "journal": journal, "embedder": embedder}
        return answers.Ready(database == journal == "ok", checks)

    def _show(self, metrics: Metrics) -> None:
        metrics.show(metrics.sessions.hot, lambda: len(self._hot.residents))
        metrics.show(metrics.sessions.hot_bytes, lambda: self._hot.residents.nbytes)
        metrics.sessions.hot_limit.set(self._settings.max_sessions)
        metrics.sessions.hot_bytes_limit.set(self._settings.memory_bytes)
        metrics.show(metrics.journal.lag, lambda: self.database.lag)
        metrics.show(metrics.journal.waiting, lambda: self.database.waiting)

    async def _sweep(self) -> None:
        while True:
            await self._realigning.sweep()
            await asyncio.sleep(self._settings.session_sweep_s)
            self.sweep()
            await self.transfers.sweep()
            await self.repeats.sweep()
            await self.trail.sweep()


def open_service(
    settings: Settings, metrics: Metrics, span: Span = nullcontext, clock: Clock = time.time
) -> Service:
    """A service as the settings say; nothing is opened before `start`."""
    shared = {"auto": None, "on": True, "off": False}[settings.database_shared]
    store = Store(settings.database_url, shared=shared, telemetry=metrics.journal)
    embedder = open_embedder(
        settings.embedder, settings.embed_model, settings.embed_api_key, metrics.embedder
    )
    return Service(store, embedder, settings, clock, lambda: uuid.uuid4().hex, metrics, span)
