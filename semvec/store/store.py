"""The store of all sessions: one writer, many readers, one database."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncEngine

from semvec.dependency_health import DependencyHealth
from semvec.errors import Unavailable
from semvec.opaque import Opaque
from semvec.request_task import uncancelled, writing
from semvec.store import archive, audit, encoders, migrate, reads, repeats, revoked
from semvec.store.audit import AuditEntry, AuditFilter, ChainLink, RecordedEntry
from semvec.store.audit_reader import AuditReader
from semvec.store.batch import QueuedWrite, carry_out, succeeded
from semvec.store.connect import connect
from semvec.store.encoders import EncoderRow
from semvec.store.errors import StoreError
from semvec.store.failures import failure_of
from semvec.store.probe import Probe
from semvec.store.records import (
    Append,
    BeginImport,
    Conflicted,
    Create,
    CreatedHeads,
    Delete,
    DiscardImports,
    EraseContent,
    ExpireAnswers,
    ExpireAudit,
    GuardedChange,
    Head,
    NoOp,
    Operation,
    Replace,
    SessionKind,
    Snapshot,
    StagedRows,
    StageImport,
    StoredSession,
    Tail,
    Transaction,
    TrimAnswers,
    WriteOutcome,
)
from semvec.store.repeats import AnswerRow, StoredAnswer
from semvec.store.revoked import Listed
from semvec.store.session_reader import SessionSnapshotReader
from semvec.store.splitting import Splitting
from semvec.store.transactions import (
    STORAGE_ERRORS,
    TOLD,
    Commits,
    confirmed,
    describe,
    map_storage_errors,
    read,
    reading,
)
from semvec.store.unit_of_work import WRITE_CONTEXT, UnitOfWork, Writable
from semvec.store.writer import Writer
from semvec.telemetry.protocol import SILENT, Batches

P = ParamSpec("P")
T = TypeVar("T")

LARGE_TRANSACTION_PARTS = 16
"""Parts, or heads of one part, above which a write is a batch of its own."""
FIRST_COMMIT_S = 5.0
"""Seconds that the start waits for a first commit; without one the server starts, but is not
ready."""
IMPORTS = range(2**32, 2**62)
"""Numbers of imports. They are random, so that none is used twice, even if the database is restored
from a backup during an import."""
SWEEP_BATCH = 500
"""Old rows that are deleted in one transaction."""


class Store:
    """Sessions as bytes: heads, events, snapshots, memories.

    When a write returns, it is committed, unless it is deferred to the end of a UnitOfWork.
    Unavailable means that storage cannot answer now; after a write its `outcome` says whether
    nothing was written or that is unknown.
    """

    def __init__(
        self, url: str, *, shared: bool | None = None, telemetry: Batches = SILENT
    ) -> None:
        """Report commits to `telemetry`."""
        self._database = connect(url, shared=shared)
        self._release: Callable[[], None] | None = None
        self._commits = Commits(self._database.writes)
        self.committing = DependencyHealth("the commit", self._probe)
        splitting = Splitting[QueuedWrite, WriteOutcome](
            self._commit, lambda: self._commits.committing
        )
        self._writer = Writer[QueuedWrite, WriteOutcome](splitting.commit, telemetry)
        self._chain: ChainLink | None = None
        self._chained = 0
        self._connected = 0
        listen(self.engine.sync_engine, "connect", self._count_connection)
        self._left_over = asyncio.Event()
        self._left_over.set()
        self._eraser: asyncio.Task[None] | None = None
        self._closing = False
        self._opaque: Opaque | None = None

    @property
    def shared(self) -> bool:
        """Whether other servers may write the same database."""
        return self._database.shared

    @property
    def opaque(self) -> Opaque:
        """Encrypt numbers that count over all owners. Raise RuntimeError before `open`."""
        if self._opaque is None:
            raise RuntimeError("the store has not been opened")
        return self._opaque

    @property
    def engine(self) -> AsyncEngine:
        return self._database.engine

    @property
    def connected(self) -> int:
        """The number of the newest database connection. Only over a new one can the database be
        another than before."""
        return self._connected

    @property
    def lag(self) -> float:
        """Seconds that the oldest pending write has been waiting; 0.0 without one."""
        return self._writer.lag

    @property
    def waiting(self) -> int:
        """The number of pending writes."""
        return self._writer.waiting

    async def open(self) -> None:
        """Lock and migrate the database and start the writer. Raise StoreError on failure."""
        self._release = await asyncio.to_thread(self._database.claim)
        try:
            await self._migrate()
            self._opaque = Opaque(await read(self._database.reads, reads.opaque_key))
        except BaseException as error:
            await self.close()
            if isinstance(error, STORAGE_ERRORS):
                raise StoreError(
                    f"cannot open the database {self._database.name}: {describe(error)}; "
                    f"{self._database.remedy}"
                ) from error
            raise
        self._writer.start()
        self._closing = False
        self._eraser = asyncio.create_task(self._erase(), name="semvec-eraser")
        self.committing.start()
        await self.committing.try_once(FIRST_COMMIT_S)

    async def close(self) -> None:
        """Commit queued writes, then close the database."""
        if self._eraser is not None:
            self._closing = True
            self._left_over.set()
            await asyncio.wait([self._eraser])
        await self.committing.close()
        await self._writer.close()
        await self._commits.close()
        await self.engine.dispose()
        if self._release is not None:
            release, self._release = self._release, None
            await asyncio.to_thread(release)

    async def create(
        self,
        owner: str,
        session_id: str,
        created_at: float,
        event: bytes,
        *parts: Operation,
        kind: SessionKind = SessionKind.PLAIN,
        dimension: int | None = None,
        mean: bytes | None = None,
        phase: str | None = None,
        drift_phase: str | None = None,
    ) -> Head | None:
        """Create a session whose first event is `event`, with `parts`; return its head, or None if
        it exists or a part conflicts."""
        create = Create(
            owner, session_id, created_at, event, kind, dimension, mean, phase, drift_phase
        )
        if parts:
            made = await self.transact(create, *parts)
            return None if isinstance(made, Conflicted) else made[0]
        head = await self._put(create)
        return head if isinstance(head, Head) else None

    async def transact(self, *parts: Operation) -> CreatedHeads | Conflicted:
        """Commit all of these or none; return the heads created, or the first part that
        conflicted."""
        return cast(CreatedHeads | Conflicted, await self._put(Transaction(parts)))

    async def commit(self, unit: UnitOfWork, answer: AnswerRow) -> CreatedHeads | Conflicted:
        """Commit the deferred operations of a unit of work, with the answer to its request."""
        entries = unit.entries(*unit.parts) if unit.parts else ()
        whole = Transaction((*unit.parts, answer))
        with writing() as ended:
            try:
                written = await self._writer.submit(
                    QueuedWrite(whole, entries), large=_large(whole)
                )
            finally:
                if _erases(whole):
                    self._left_over.set()
            ended(succeeded(written))
        return cast(CreatedHeads | Conflicted, written)

    async def try_transact(self, *parts: Operation) -> bool:
        """Commit all of these or none; return whether they took effect."""
        return not isinstance(await self.transact(*parts), Conflicted)

    async def append(self, append: Append, *parts: Operation) -> bool:
        """Append events, with `parts`. Return False, and write nothing, if the head has moved, the
        session is gone, or a part conflicts."""
        if parts:
            return await self.try_transact(append, *parts)
        return await self._put(append) is True

    async def save_snapshot(self, snapshot: Snapshot) -> bool:
        """Save a snapshot in place of the events up to it. Return False if the session is gone, or
        does not have the snapshot's events and base, or has a newer snapshot."""
        return await self._writer.submit(QueuedWrite(snapshot)) is True

    async def delete(self, key: int, *parts: Operation) -> bool:
        """Delete a session and all its rows, after `parts`. Return False if it is gone already or a
        part conflicts."""
        if parts:
            return await self.try_transact(*parts, Delete(key))
        return await self._put(Delete(key)) is True

    async def begin_import(self, at: float) -> int:
        """Begin an import; return the key of its staged rows, which `replace` or `discard` ends."""
        number = secrets.choice(IMPORTS)
        return int(cast(int, await self._writer.submit(QueuedWrite(BeginImport(at, number)))))

    async def stage(self, content: int, at: float, rows: StagedRows) -> bool:
        """Stage rows of an import; return False if it was discarded."""
        return (
            await self._writer.submit(QueuedWrite(StageImport(content, at, rows)), large=True)
            is True
        )

    async def replace(self, replace: Replace) -> bool:
        """Replace all contents of a session with staged rows, as its next event. Return False if
        the session or the import is gone."""
        return await self._put(replace) is True

    async def discard(self, content: int) -> None:
        """Erase the staged rows of an unfinished import."""
        await self._discard(content)

    async def clean_up(self, before: float) -> None:
        """Discard imports that have staged nothing since `before`, and resume erasing orphans."""
        self._left_over.set()
        if stale := await self._read(reads.stale_imports, before):
            await self._discard(*stale)

    async def record(self, *entries: AuditEntry) -> None:
        """Write audit entries without any other write."""
        await self._writer.submit(QueuedWrite(NoOp(), entries))

    async def expire_audit(self, before: float) -> bool:
        """Delete the audit log's rows older than `before`; return whether there were any."""
        return await self._sweep(ExpireAudit(before, SWEEP_BATCH))

    async def expire_answers(self, before: float) -> None:
        """Delete stored answers older than `before`."""
        await self._sweep(ExpireAnswers(before, SWEEP_BATCH))

    async def trim_answers(self, subject: str, bound: int) -> None:
        """Delete a subject's answers beyond the newest `bound`."""
        await self._sweep(TrimAnswers(subject, bound, SWEEP_BATCH))

    async def stored_answer(self, scope: bytes, since: float) -> StoredAnswer | None:
        """Return the answer stored under this scope since `since`, or None.

        It is returned only once it cannot be lost: another server may have written it and still
        wait for the commit's confirmation.
        """
        try:
            found = await self._read(repeats.stored_answer, scope, since)
            if found is None or not self.shared:
                return found
            return await self._confirmed(repeats.stored_answer, scope, since)
        except Unavailable as error:
            error.outcome = "unknown"
            raise

    async def entries(
        self, wanted: AuditFilter, *, limit: int, before: int | None
    ) -> list[RecordedEntry]:
        """Return rows of the audit log with an id below `before`, newest first."""
        return await self._read(audit.page, wanted, before, limit)

    async def count_entries(self, wanted: AuditFilter) -> int:
        """Return the number of rows, up to the limit of `audit.count`."""
        return await self._read(audit.count, wanted)

    @asynccontextmanager
    async def open_audit_reader(self) -> AsyncIterator[AuditReader]:
        """Open the whole audit log as of one moment; close it as soon as it is read."""
        await self._settle()
        async with reading(self._database.consistent) as connection:
            with map_storage_errors("read"), uncancelled():
                begins = await connection.run_sync(audit.chains)
            yield AuditReader(begins, connection)

    async def head(self, owner: str, session_id: str) -> Head | None:
        return await self._read(reads.head, owner, session_id)

    async def heads(self, owner: str, *, limit: int, before: int | None) -> list[Head]:
        """Return an owner's plain sessions with a key below `before`, newest first."""
        return await self._read(reads.heads, owner, limit, before)

    async def count(self, owner: str) -> int:
        return await self._read(reads.count, owner)

    async def load(self, owner: str, session_id: str) -> StoredSession | None:
        return await self._read_on(self._database.consistent, reads.load, owner, session_id)

    @asynccontextmanager
    async def open_reader(
        self, owner: str, session_id: str
    ) -> AsyncIterator[SessionSnapshotReader | None]:
        """Open a session with its archive as of one moment; close it as soon as it is read."""
        await self._settle()
        async with reading(self._database.consistent) as connection:
            with map_storage_errors("read"):
                load = partial(reads.load, owner=owner, session_id=session_id)
                stored = await connection.run_sync(load)
            yield None if stored is None else SessionSnapshotReader(stored, connection)

    async def tail(self, key: int, after: int) -> Tail:
        """Return the events after a seq.

        If they begin later than after + 1, or there are none although the head has moved, a
        snapshot has replaced them: load the session again.
        """
        return await self._read(reads.tail, key, after)

    async def archived_by_hash(self, key: int, hash: str) -> bytes | None:
        """Return the payload of the newest archived memory with this hash."""
        return await self._read(reads.archived_by_hash, key, hash)

    async def archived_by_folds(
        self, key: int, folds: Sequence[bytes], hashes: Sequence[str] = ()
    ) -> list[bytes]:
        """Return the payloads of archived memories with one of these folds or hashes; the newest
        one per fold."""
        return await self._read(reads.archived_by_folds, key, folds, hashes)

    async def search_archive(
        self, key: int, weights: Mapping[str, int], limit: int = 64
    ) -> list[bytes]:
        """Return payloads of archived memories that hold these terms or are neighbours of such,
        best first; ties by id, newest first."""
        return await self._read(archive.search, key, weights, limit)

    async def query(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query function on the database."""
        return await self._read(function, *args, **kwargs)

    async def revoked(self, known: Listed | None) -> Listed | None:
        """Return all revoked tokens, or None if they equal `known`."""
        return await read(self._database.reads, lambda conn: revoked.changed(conn, known))

    async def add_encoders(self, *rows: EncoderRow) -> None:
        """Store encoders under their names; names that are taken stay unchanged."""
        with map_storage_errors("commit"):
            async with self._database.writes.begin() as connection:
                await connection.run_sync(encoders.add, rows)

    async def ping(self) -> None:
        """Raise Unavailable if storage cannot be read, or is not where it was opened."""
        try:
            with map_storage_errors("commit"):
                await asyncio.to_thread(self._database.check)
        except Unavailable as error:
            self.committing.failed(error.detail)
            raise
        await self._read(reads.ping)

    async def _put(self, put: Writable) -> WriteOutcome:
        """Carry out a request's write, or defer it to the end of its unit of work."""
        effect = WRITE_CONTEXT.get()
        if isinstance(effect, UnitOfWork):
            return effect.defer(put)
        entries = () if effect is None else effect.entries(put)
        with writing() as ended:
            try:
                outcome = await self._writer.submit(QueuedWrite(put, entries), large=_large(put))
            except Unavailable as error:
                if effect is not None and error.outcome != "not_written":
                    effect.doubtful = True
                raise
            finally:
                if _erases(put):
                    self._left_over.set()
            ended(succeeded(outcome))
        if effect is not None and entries and succeeded(outcome):
            effect.recorded = entries[0]
        return outcome

    async def _discard(self, *contents: int) -> None:
        try:
            await self._writer.submit(QueuedWrite(DiscardImports(contents)))
        finally:
            self._left_over.set()

    async def _erase(self) -> None:
        """Erase orphans in small transactions, which do not block other writes.

        It stops between two of them: cancelling one would leave its connection busy.
        """
        while True:
            await self._left_over.wait()
            self._left_over.clear()
            if self._closing:
                return
            with suppress(Unavailable):  # `clean_up` tries again
                for content in await self._read(reads.orphans_left):
                    while not self._closing and await self._erase_some(content):
                        pass

    async def _erase_some(self, content: int) -> bool:
        """Erase one batch; return whether there is more."""
        return await self._writer.submit(QueuedWrite(EraseContent(content)), large=True) is True

    async def _migrate(self) -> None:
        migrations = await asyncio.to_thread(migrate.read)
        async with self._database.writes.begin() as connection:
            await connection.run_sync(migrate.upgrade, migrations)

    async def _sweep(self, upkeep: ExpireAudit | ExpireAnswers | TrimAnswers) -> bool:
        """Delete old rows in small transactions, which do not block other writes; return whether
        any were deleted."""
        many = False
        while await self._writer.submit(QueuedWrite(upkeep), large=True):
            many = True
        return many

    async def _commit(
        self, writes: Sequence[QueuedWrite], *, hurried: bool
    ) -> Sequence[WriteOutcome]:
        try:
            await self._settle()
        except Unavailable as error:
            detail = f"storage cannot commit{TOLD['not_written']}, as it could not be confirmed"
            raise Unavailable(
                detail, error.retry_after, reason=error.reason, outcome="not_written"
            ) from error
        chain, self._chain = self._chain, None  # unknown after a failure
        chained, commits = self._chained, self._commits

        def run(connection: Connection) -> tuple[Sequence[WriteOutcome], ChainLink | None]:
            # A new connection may lead to a database that lacks the chain's last rows.
            known = chain if chained == commits.opened else None
            return carry_out(connection, writes, known, hurried=hurried)

        try:
            with map_storage_errors("commit", commits.outcome_of):
                outcomes, self._chain = await commits.run(run)
        except Exception as error:
            if failure_of(error, committing=commits.committing) is not None:
                self._chain = chain  # rolled back because of one of the writes
            else:
                self.committing.failed(getattr(error, "detail", "internal error"))
            raise
        self._chained = commits.opened
        self.committing.succeeded()
        return outcomes

    async def _probe(self) -> None:
        await self._writer.submit(QueuedWrite(Probe(time.time_ns())), large=True)

    async def _read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._read_on(self._database.reads, function, *args, **kwargs)

    async def _read_on(
        self,
        engine: AsyncEngine,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a read. If its result may come from an unconfirmed commit of this process, wait until
        that is confirmed."""
        if not self._commits.doubts:
            found = await read(engine, lambda conn: function(conn, *args, **kwargs))
            if not self._commits.doubts:
                return found
        return await self._confirmed(function, *args, **kwargs)

    async def _confirmed(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read and return its result once it cannot be lost."""
        with self._commits.doubts.settled():
            return await confirmed(self._database, lambda conn: function(conn, *args, **kwargs))

    async def _settle(self) -> None:
        """Confirm or settle commits whose outcomes are unknown."""
        if self._commits.doubts:
            await self._confirmed(reads.ping)

    def _count_connection(self, *_: object) -> None:
        self._connected += 1


def _erases(put: Writable) -> bool:
    """Whether the write can leave much to erase."""
    parts = put.parts if isinstance(put, Transaction) else (put,)
    return any(isinstance(part, Delete | Replace) for part in parts)


def _large(put: Writable) -> bool:
    """Whether the write would delay those that share its transaction."""
    if not isinstance(put, Transaction):
        return False
    heads = (len(part.heads) for part in put.parts if isinstance(part, GuardedChange))
    return (
        len(put.parts) > LARGE_TRANSACTION_PARTS or max(heads, default=0) > LARGE_TRANSACTION_PARTS
    )
