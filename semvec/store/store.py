"""The durable side of every session: one writer, many readers, one database."""

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
"""Parts, or heads that one part needs, past which a write is a batch of its own."""
FIRST_COMMIT_S = 5.0
"""What the start waits for a first commit; without one the server starts, and is not ready."""
IMPORTS = range(2**32, 2**62)
"""Numbers of imports. They are drawn, so that no two imports ever have the same, also where the
database is restored from a backup while one is under way."""
SWEEP_BATCH = 500
"""Old rows that are deleted in one transaction."""


class Store:
    """Sessions as bytes: heads, events, snapshots, memories.

    What a method has returned is committed, unless it is put off to the end of a `Unit`.
    Unavailable means that storage cannot answer now; after a write it also means that nobody can
    tell whether the write took effect.
    """

    def __init__(
        self, url: str, *, shared: bool | None = None, telemetry: Batches = SILENT
    ) -> None:
        """`telemetry` hears of commits."""
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
        """Hides what is counted over all owners; RuntimeError before `open`."""
        if self._opaque is None:
            raise RuntimeError("the store has not been opened")
        return self._opaque

    @property
    def engine(self) -> AsyncEngine:
        return self._database.engine

    @property
    def connected(self) -> int:
        """The number of the newest connection to the database: only over a new one can the
        database be another than before."""
        return self._connected

    @property
    def lag(self) -> float:
        """Seconds that the oldest write without an outcome has been waiting; 0.0 without one."""
        return self._writer.lag

    @property
    def waiting(self) -> int:
        """Writes without an outcome."""
        return self._writer.waiting

    async def open(self) -> None:
        """Lock and migrate the database and start writing; StoreError when that cannot be."""
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
        """Commit what is queued, then let go of the database."""
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
        """The head of a new session whose first event is `event`; None where it exists, or any of
        `parts` came too late."""
        create = Create(
            owner, session_id, created_at, event, kind, dimension, mean, phase, drift_phase
        )
        if parts:
            made = await self.transact(create, *parts)
            return None if isinstance(made, Conflicted) else made[0]
        head = await self._put(create)
        return head if isinstance(head, Head) else None

    async def transact(self, *parts: Operation) -> CreatedHeads | Conflicted:
        """All of these or none; the heads made, or the first part that came too late."""
        return cast(CreatedHeads | Conflicted, await self._put(Transaction(parts)))

    async def commit(self, unit: UnitOfWork, answer: AnswerRow) -> CreatedHeads | Conflicted:
        """Commit what a unit has put off, and the answer to its request."""
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
        """Whether all of these took effect, or none did."""
        return not isinstance(await self.transact(*parts), Conflicted)

    async def append(self, append: Append, *parts: Operation) -> bool:
        """False: the head has moved, or the session is gone, or any of `parts` came too late, and
        nothing was written."""
        if parts:
            return await self.try_transact(append, *parts)
        return await self._put(append) is True

    async def save_snapshot(self, snapshot: Snapshot) -> bool:
        """Replace the events up to the snapshot; False: the session is gone, or a newer one is
        there."""
        return await self._writer.submit(QueuedWrite(snapshot)) is True

    async def delete(self, key: int, *parts: Operation) -> bool:
        """Erase everything of a session; False: it is gone already, or any of `parts`, which come
        before, came too late."""
        if parts:
            return await self.try_transact(*parts, Delete(key))
        return await self._put(Delete(key)) is True

    async def begin_import(self, at: float) -> int:
        """A number to stage an import's memories under, for `replace` or `discard` to end."""
        number = secrets.choice(IMPORTS)
        return int(cast(int, await self._writer.submit(QueuedWrite(BeginImport(at, number)))))

    async def stage(self, content: int, at: float, rows: StagedRows) -> bool:
        """Keep rows of an import aside; False: it has been discarded."""
        return (
            await self._writer.submit(QueuedWrite(StageImport(content, at, rows)), large=True)
            is True
        )

    async def replace(self, replace: Replace) -> bool:
        """Put what was staged in the place of all that a session holds, as its next event; False:
        the session is gone, or the import."""
        return await self._put(replace) is True

    async def discard(self, content: int) -> None:
        """Erase what an import has staged that comes to nothing."""
        await self._discard(content)

    async def clean_up(self, before: float) -> None:
        """Discard imports that have staged nothing since `before`, and go on with erasing."""
        self._left_over.set()
        if stale := await self._read(reads.stale_imports, before):
            await self._discard(*stale)

    async def record(self, *entries: AuditEntry) -> None:
        """Put on record what no write of this store takes along."""
        await self._writer.submit(QueuedWrite(NoOp(), entries))

    async def expire_audit(self, before: float) -> bool:
        """Drop the audit log's rows of before this time; whether there were any."""
        return await self._sweep(ExpireAudit(before, SWEEP_BATCH))

    async def expire_answers(self, before: float) -> None:
        """Drop the answers of before this time."""
        await self._sweep(ExpireAnswers(before, SWEEP_BATCH))

    async def trim_answers(self, subject: str, bound: int) -> None:
        """Keep no more than the newest answers of a subject."""
        await self._sweep(TrimAnswers(subject, bound, SWEEP_BATCH))

    async def stored_answer(self, scope: bytes, since: float) -> StoredAnswer | None:
        """What was answered under this scope, if it was after `since`, and as soon as that can be
        lost no more: another server may have written it and be waiting for that."""
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
        """Rows of the audit log with an id below `before`, newest first."""
        return await self._read(audit.page, wanted, before, limit)

    async def count_entries(self, wanted: AuditFilter) -> int:
        """How many rows there are, as far as anybody counts."""
        return await self._read(audit.count, wanted)

    @asynccontextmanager
    async def open_audit_reader(self) -> AsyncIterator[AuditReader]:
        """The whole audit log as of one moment; hold it no longer than reading takes."""
        await self._settle()
        async with reading(self._database.consistent) as connection:
            with map_storage_errors("read"), uncancelled():
                begins = await connection.run_sync(audit.chains)
            yield AuditReader(begins, connection)

    async def head(self, owner: str, session_id: str) -> Head | None:
        return await self._read(reads.head, owner, session_id)

    async def heads(self, owner: str, *, limit: int, before: int | None) -> list[Head]:
        """An owner's plain sessions, newest first, those with a key below `before`."""
        return await self._read(reads.heads, owner, limit, before)

    async def count(self, owner: str) -> int:
        return await self._read(reads.count, owner)

    async def load(self, owner: str, session_id: str) -> StoredSession | None:
        return await self._read_on(self._database.consistent, reads.load, owner, session_id)

    @asynccontextmanager
    async def open_reader(
        self, owner: str, session_id: str
    ) -> AsyncIterator[SessionSnapshotReader | None]:
        """A session as of one moment, with its archive; hold it no longer than reading takes."""
        await self._settle()
        async with reading(self._database.consistent) as connection:
            with map_storage_errors("read"):
                load = partial(reads.load, owner=owner, session_id=session_id)
                stored = await connection.run_sync(load)
            yield None if stored is None else SessionSnapshotReader(stored, connection)

    async def tail(self, key: int, after: int) -> Tail:
        """The events after a seq. Where they begin later than after + 1, or there are none
        although the head has moved, a snapshot has replaced them: load the session again."""
        return await self._read(reads.tail, key, after)

    async def archived_by_hash(self, key: int, hash: str) -> bytes | None:
        """The payload of the newest archived memory with this hash."""
        return await self._read(reads.archived_by_hash, key, hash)

    async def archived_by_folds(
        self, key: int, folds: Sequence[bytes], hashes: Sequence[str] = ()
    ) -> list[bytes]:
        """The payloads of archived memories with one of these folds or hashes; of those with the
        same fold the newest."""
        return await self._read(reads.archived_by_folds, key, folds, hashes)

    async def search_archive(
        self, key: int, weights: Mapping[str, int], limit: int = 64
    ) -> list[bytes]:
        """Payloads of archived memories that hold these terms or are near to some that do, best
        first; equally good ones by id, newest first."""
        return await self._read(archive.search, key, weights, limit)

    async def query(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What one of the functions beside `reads` makes of the database."""
        return await self._read(function, *args, **kwargs)

    async def revoked(self, known: Listed | None) -> Listed | None:
        """All revoked tokens; None where they are what is `known`."""
        return await read(self._database.reads, lambda conn: revoked.changed(conn, known))

    async def add_encoders(self, *rows: EncoderRow) -> None:
        """Keep under which names encoders are known; names that are taken stay as they are."""
        with map_storage_errors("commit"):
            async with self._database.writes.begin() as connection:
                await connection.run_sync(encoders.add, rows)

    async def ping(self) -> None:
        """Raises Unavailable where storage cannot be read, or is not where it was opened."""
        try:
            with map_storage_errors("commit"):
                await asyncio.to_thread(self._database.check)
        except Unavailable as error:
            self.committing.failed(error.detail)
            raise
        await self._read(reads.ping)

    async def _put(self, put: Writable) -> WriteOutcome:
        """Carry out what a request may be asking for, or put it off."""
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
        """Erase in small transactions what no session has any more, so that it delays nobody.

        It ends between two of them: a cancelled one would leave its connection at work.
        """
        while True:
            await self._left_over.wait()
            self._left_over.clear()
            if self._closing:
                return
            with suppress(Unavailable):  # `tidy` comes back to it
                for content in await self._read(reads.orphans_left):
                    while not self._closing and await self._erase_some(content):
                        pass

    async def _erase_some(self, content: int) -> bool:
        """Whether there is more."""
        return await self._writer.submit(QueuedWrite(EraseContent(content)), large=True) is True

    async def _migrate(self) -> None:
        migrations = await asyncio.to_thread(migrate.read)
        async with self._database.writes.begin() as connection:
            await connection.run_sync(migrate.upgrade, migrations)

    async def _sweep(self, upkeep: ExpireAudit | ExpireAnswers | TrimAnswers) -> bool:
        """Delete old rows in small transactions, so that it delays nobody."""
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
        chain, self._chain = self._chain, None  # after a failure nobody knows where it ends
        chained, commits = self._chained, self._commits

        def run(connection: Connection) -> tuple[Sequence[WriteOutcome], ChainLink | None]:
            # over a new connection the database may be one that has not got the chain's last rows
            known = chain if chained == commits.opened else None
            return carry_out(connection, writes, known, hurried=hurried)

        try:
            with map_storage_errors("commit", commits.outcome_of):
                outcomes, self._chain = await commits.run(run)
        except Exception as error:
            if failure_of(error, committing=commits.committing) is not None:
                self._chain = chain  # it is rolled back, for what one of the writes is
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
        """What a function reads; where it may be what an unconfirmed commit of this process has
        written, only as soon as that is confirmed."""
        if not self._commits.doubts:
            found = await read(engine, lambda conn: function(conn, *args, **kwargs))
            if not self._commits.doubts:
                return found
        return await self._confirmed(function, *args, **kwargs)

    async def _confirmed(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What a function reads, once it can be lost no more."""
        with self._commits.doubts.settled():
            return await confirmed(self._database, lambda conn: function(conn, *args, **kwargs))

    async def _settle(self) -> None:
        """Have commits whose outcomes are unknown confirmed, or settled otherwise."""
        if self._commits.doubts:
            await self._confirmed(reads.ping)

    def _count_connection(self, *_: object) -> None:
        self._connected += 1


def _erases(put: Writable) -> bool:
    """Whether it can leave much to erase."""
    parts = put.parts if isinstance(put, Transaction) else (put,)
    return any(isinstance(part, Delete | Replace) for part in parts)


def _large(put: Writable) -> bool:
    """Whether it would hold up those that share its transaction."""
    if not isinstance(put, Transaction):
        return False
    heads = (len(part.heads) for part in put.parts if isinstance(part, GuardedChange))
    return (
        len(put.parts) > LARGE_TRANSACTION_PARTS or max(heads, default=0) > LARGE_TRANSACTION_PARTS
    )
