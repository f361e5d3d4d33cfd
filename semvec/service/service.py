"""The service: construction of all its parts, start, stop and periodic sweeps."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext

from semvec import answers
from semvec.audit import AuditLog
from semvec.cache import SessionCache, VectorScorer
from semvec.cache.bulk_writer import BulkWriter
from semvec.clock import Clock
from semvec.embed.factory import open_embedder
from semvec.embed.local import LocalEmbedder
from semvec.embed.protocol import Embedder
from semvec.embed.target import Target
from semvec.errors import SemvecError
from semvec.intake import Intake
from semvec.kernels.arena import Arena
from semvec.kernels.factory import OpenedDevice, open_device
from semvec.licensing.revocations import Revocations
from semvec.offloop import OffLoop
from semvec.service.audit_trail import AuditTrail
from semvec.service.bulk_jobs import BulkJobs
from semvec.service.cluster_aggregator import ClusterAggregator
from semvec.service.clusters import Clusters
from semvec.service.control import Control
from semvec.service.conversation import Conversation
from semvec.service.drift_propagator import DriftPropagator
from semvec.service.encoders import EncoderRecords
from semvec.service.event_feed import Notifier
from semvec.service.idempotency import IdempotencyService
from semvec.service.literals import LiteralCache
from semvec.service.network import Network
from semvec.service.observer import Observer
from semvec.service.observer_sampler import ObserverSampler
from semvec.service.recall import Recall
from semvec.service.region_realigner import RegionRealigner
from semvec.service.regions import Regions
from semvec.service.revocation_watch import RevocationWatch
from semvec.service.sessions import Sessions
from semvec.service.state_mover import StateMover
from semvec.service.transfers import Transfers
from semvec.service.users import Users
from semvec.service.verification import Verification
from semvec.settings import Settings
from semvec.store import Store
from semvec.telemetry.metrics import ServerMetrics
from semvec.telemetry.protocol import SILENT, Span

log = logging.getLogger(__name__)

LAGGING_S = 5.0
"""Age of the oldest waiting write from which the server is not ready."""


class Service:
    """The operations, by part: `sessions`, `conversation`, `recall`, `control`, `literals`,
    `transfers`, `verification`, `clusters`, `regions`, `network`, `users`, `observer`, `sampling`;
    the audit log: `audit`, `trail`; idempotency: `repeats`."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
        metrics: ServerMetrics | None = None,
        span: Span = nullcontext,
        open_device: Callable[[str], OpenedDevice | None] = open_device,
    ) -> None:
        self.database, self._embedder, self._settings = store, embedder, settings
        self.clock = clock
        off_loop = OffLoop()
        self._intake = intake = Intake(embedder, settings.long_term_memories, span, off_loop)
        self._encoders = EncoderRecords(store, clock)
        self._scans = VectorScorer(SILENT if metrics is None else metrics.kernels)
        self._open_device = open_device
        self._hot = SessionCache(
            store,
            clock,
            Arena(settings.memory_bytes),
            self._scans,
            max_sessions=settings.max_sessions,
            memory_bytes=settings.memory_bytes,
            idle_ttl_s=settings.session_idle_ttl_s,
            telemetry=SILENT if metrics is None else metrics.sessions,
            span=span,
            off_loop=off_loop,
        )
        self.sessions = Sessions(self._hot, store, intake, clock, new_id)
        self.recall = Recall(self._hot, self._scans, store, intake, clock, span, off_loop)
        steering, moving = BulkWriter(self._hot, store), StateMover(self._hot)
        gathering = ClusterAggregator(store, self._hot)
        bells = Notifier(shared=store.shared)
        realigning = RegionRealigner(store, self._hot, steering, gathering, moving, bells, clock)
        self._realigning, drifts = realigning, DriftPropagator(store, realigning)
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
        aside = BulkJobs(store)
        self.transfers = Transfers(aside, store, self._hot, intake, clock, settings.max_body_bytes)
        self.verification = Verification(aside, self._hot)
        self.network = Network(store, self._hot)
        self.users = Users(store, clock)
        self.observer = Observer(store, self._hot, intake, bells, clock, new_id)
        self.sampling = ObserverSampler(store, self._hot, bells, clock)
        self.audit = AuditLog(store, clock)
        self.trail = AuditTrail(store, clock, settings.audit_days)
        self.repeats = IdempotencyService(store, clock, settings.repeats_per_subject)
        self._revocations = RevocationWatch(store)
        self._sweeper: asyncio.Task[None] | None = None
        if metrics is not None:
            self._show(metrics)

    @property
    def resident(self) -> int:
        return len(self._hot.copies)

    @property
    def revoked(self) -> Revocations:
        """The revoked tokens, up to date while the service runs."""
        return self._revocations.revoked

    async def start(self) -> None:
        opened = await asyncio.to_thread(self._open_device, self._settings.device)
        self._scans.use_device(opened)
        if opened is not None:
            self._hot.copies.limit_bytes(opened.memory_bytes)
        await self.database.open()
        await self._revocations.start()
        await self._start_embedder(opened)
        self._intake.embedding.start()
        self.sampling.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def _start_embedder(self, opened: OpenedDevice | None) -> None:
        """Start the embedder, on the device if it runs there."""
        again = None if opened is None else opened.new_stream
        if again is not None and isinstance(self._embedder, LocalEmbedder):
            await self._embedder.start(Target(again))
        elif self._embedder is not None:
            await self._embedder.start()
        if self._embedder is not None:
            self._intake.recognise(await self._encoders.recognise(self._embedder))

    async def close(self) -> None:
        """Commit waiting writes, take snapshots, close embedder and storage."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self.sampling.close()
        await self._revocations.close()
        await self._hot.close()
        await self._scans.close()
        await self.trail.sweep(closing=True)
        await self._intake.embedding.close()
        if self._embedder is not None:
            await self._embedder.close()
        await self.database.close()

    def sweep(self) -> None:
        """Start the eviction of idle sessions, and of those beyond the cache limits."""
        self._hot.sweep()

    async def ready(self) -> answers.Ready:
        try:
            await self.database.ping()
            database = "ok"
        except SemvecError as error:
            log.warning("not ready: %s", error)
            database = error.detail
        embedder = "ok" if self._embedder is not None else "none"
        if fault := self._intake.embedding.fault:
            embedder = f"the last call failed: {fault}"
        checks = {"database": database, "journal": self._journal(), "embedder": embedder}
        return answers.Ready({*checks.values()} <= {"ok", "none"}, checks)

    def _journal(self) -> str:
        if fault := self.database.committing.fault:
            return f"the last commit failed: {fault}"
        lag = self.database.lag
        return "ok" if lag < LAGGING_S else f"the oldest write has waited {lag:.1f} s"

    def _show(self, metrics: ServerMetrics) -> None:
        metrics.observe_gauge(metrics.sessions.hot, lambda: len(self._hot.copies))
        metrics.observe_gauge(metrics.sessions.hot_bytes, lambda: self._hot.copies.nbytes)
        metrics.sessions.hot_limit.set(self._settings.max_sessions)
        metrics.sessions.hot_bytes_limit.set(self._settings.memory_bytes)
        metrics.observe_gauge(metrics.journal.lag, lambda: self.database.lag)
        metrics.observe_gauge(metrics.journal.waiting, lambda: self.database.waiting)

    async def _sweep(self) -> None:
        while True:
            await self._realigning.sweep()
            await asyncio.sleep(self._settings.session_sweep_s)
            self.sweep()
            await self.transfers.sweep()
            await self.repeats.sweep()
            await self.trail.sweep()


def open_service(
    settings: Settings, metrics: ServerMetrics, span: Span = nullcontext, clock: Clock = time.time
) -> Service:
    """Build a service from the settings. Nothing is opened before `start`."""
    shared = {"auto": None, "on": True, "off": False}[settings.database_shared]
    store = Store(settings.database_url, shared=shared, telemetry=metrics.journal)
    embedder = open_embedder(
        settings.embedder, settings.embed_model, settings.embed_api_key, metrics.embedder
    )
    return Service(store, embedder, settings, clock, lambda: uuid.uuid4().hex, metrics, span)
