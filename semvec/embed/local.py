"""The encoder inside this process: a few threads that share one model and one queue."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from semvec.embed.directory import ModelDirectory
from semvec.embed.encoded import Encoded, Encoder, Pace, join
from semvec.embed.lanes import Lanes
from semvec.embed.model import CpuModel
from semvec.embed.on_device import DeviceModel
from semvec.embed.target import Target
from semvec.embed.windows import SLICE, Cutting, Window
from semvec.errors import Overloaded, Unavailable
from semvec.telemetry.protocol import SILENT, Batches
from semvec.tokens import projection
from semvec.vectors import Encoding

log = logging.getLogger(__name__)

DEVICE_THREADS = 4
"""Threads that cut and join texts for a device; more would only wait for the interpreter."""
TURN_WINDOWS = 2
"""Windows of one text encoded in one turn; other texts get in between."""
TURN_COST = 2_000
"""What the windows of one turn of a long text cost, in characters."""
TEXT_COST = 50
"""What a text costs beside its characters, in characters."""


@dataclass(slots=True, eq=False)
class _Text:
    """One text on its way; the threads fill `parts`, one for each of its `count` windows."""

    text: str
    done: asyncio.Future[Encoding]
    since: float = field(default_factory=time.monotonic)
    parts: dict[int, Encoded] = field(default_factory=dict)
    count: int = 0

    @property
    def cost(self) -> int:
        return TEXT_COST + len(self.text)

    @property
    def is_long(self) -> bool:
        """Whether it is cut, and encoded, in more than one turn."""
        return len(self.text) > SLICE


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Windows of a text, from its `first`-th; None until the text has been cut.

    `cutting` is how far a long text has been cut.
    """

    text: _Text
    windows: Sequence[Window] | None = None
    first: int = 0
    cutting: Cutting | None = None

    @property
    def cost(self) -> int:
        return TURN_COST if self.is_long else self.text.cost

    @property
    def is_long(self) -> bool:
        return self.text.is_long or self.windows is not None


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One window of a text."""

    text: _Text
    place: int
    window: Window


_Outcome = tuple[_Text, Encoding | Exception]
"""What fails in a forward pass is Unavailable."""


class LocalEmbedder:
    """Encodes on threads of its own, never on the event loop; one forward pass a thread at a time.

    A text that arrives while a thread is idle starts at once; what arrives meanwhile waits and
    shares the next batches. With a device, threads cut and join texts, and one of their own speaks
    to the device.
    """

    def __init__(
        self,
        directory: Path,
        *,
        model_name: str | None = None,
        sums: Mapping[str, str] | None = None,
        threads: int | None = None,
        telemetry: Batches = SILENT,
    ) -> None:
        """`sums` are SHA-256 by file name; `threads` are as many as cores unless given, with a
        device at most DEVICE_THREADS."""
        self._directory = directory
        self._model_name = model_name or directory.name or str(directory)
        self._sums = sums
        self._telemetry = telemetry
        self._count = threads or _cores()
        self._queue: Lanes[_Piece] = Lanes()
        self._counting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._model: Encoder | None = None
        self._open: set[_Text] = set()
        self._pending = {False: 0, True: 0}  # cost of short texts, and of long ones
        self._drained = asyncio.Event()
        self._closed = False

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def dimension(self) -> int:
        """Of the loaded model; RuntimeError before `start`."""
        if self._model is None:
            raise RuntimeError("the embedder has not been started")
        return self._model.dimension

    @property
    def token_dimension(self) -> int:
        return int(projection(self.dimension).shape[1])

    async def start(self, device: Target | None = None) -> None:
        """With a `device` to encode on, if it has room and kernels for the model."""
        model = await asyncio.to_thread(self._load, device)
        loop = asyncio.get_running_loop()
        self._model = model
        if isinstance(model, DeviceModel):
            self._count = min(self._count, DEVICE_THREADS)
        for number in range(self._count):
            thread = threading.Thread(
                target=self._work, args=(model, loop), name=f"encoder-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order; Overloaded if too much waits, Unavailable if it fails or
        is not running."""
        if self._closed or self._model is None or not self._threads:
            raise Unavailable("the embedder is not running")
        loop = asyncio.get_running_loop()
        jobs = [_Text(text, loop.create_future()) for text in texts]
        self._admit(jobs, self._model.pace.pending_characters)
        self._open.update(jobs)
        for job in jobs:
            job.done.add_done_callback(partial(self._given_up, job))
        for job in sorted(jobs, key=lambda job: job.cost):
            self._queue.put(_Piece(job))
        try:
            return await asyncio.gather(*(job.done for job in jobs))
        finally:
            for job in jobs:
                job.done.cancel()  # what is left of them where one has failed

    async def close(self) -> None:
        """Finishes what waits, refuses what comes, and ends the threads."""
        self._closed = True
        if self._open:
            await self._drained.wait()
        self._queue.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads.clear()
        if self._model is not None:
            await asyncio.to_thread(self._model.close)

    def _load(self, device: Target | None) -> Encoder:
        model = ModelDirectory.read(self._directory, self._sums)
        if device is not None:
            try:
                return DeviceModel.of(model, device)
            except (ImportError, MemoryError, Unavailable, ValueError) as error:
                log.warning("%s is encoded on the CPU: %s", self._model_name, error)
        return CpuModel.of(model)

    def _admit(self, jobs: Sequence[_Text], most: int) -> None:
        """Raises Overloaded if too much waits; waiting long texts keep no short one out."""
        costs = {
            long: sum(job.cost for job in jobs if job.is_long is long) for long in (False, True)
        }
        for long, cost in costs.items():
            if cost and self._pending[long] and self._pending[long] + cost > most:
                raise Overloaded("the embedder has too many texts waiting", 1)
        for long, cost in costs.items():
            self._pending[long] += cost

    def _given_up(self, text: _Text, done: asyncio.Future[Encoding]) -> None:
        """On the event loop: a text whose request has left no longer counts as waiting."""
        if done.cancelled():
            self._close_one(text)

    def _close_one(self, text: _Text) -> None:
        if text in self._open:
            self._open.remove(text)
            self._pending[text.is_long] -= text.cost
        if self._closed and not self._open:
            self._drained.set()

    def _finish(self, outcomes: Sequence[_Outcome]) -> None:
        """On the event loop: answers the waiters."""
        for text, outcome in outcomes:
            self._close_one(text)
            if text.done.done():
                continue
            if isinstance(outcome, Encoding):
                text.done.set_result(outcome)
            else:
                text.done.set_exception(outcome)

    def _end(
        self, batch: Sequence[_Task], outcomes: Sequence[_Outcome], began: float, took: float
    ) -> None:
        """On the event loop: one forward pass is over."""
        self._finish(outcomes)
        if any(isinstance(outcome, Exception) for _, outcome in outcomes):
            self._telemetry.failed()
        else:
            since = min(task.text.since for task in batch)
            self._telemetry.done(len(batch), began - since, took)

    def _work(self, model: Encoder, loop: asyncio.AbstractEventLoop) -> None:
        """One thread's life, until the queue is closed and empty."""
        while (first := self._queue.take()) is not None:
            tasks: list[_Task] = []
            pieces = self._take(first, model.pace.turn_characters)
            cuts = _cut(model, pieces)
            for piece in pieces:
                try:
                    tasks += self._turn(model, piece, cuts.get(piece))
                except Exception as error:
                    loop.call_soon_threadsafe(self._finish, [(piece.text, error)])
            for batch in _batches(tasks, model.pace):
                batch = [task for task in batch if not task.text.done.done()]
                if not batch:
                    continue
                began = time.monotonic()
                outcomes = self._encode(model, batch)
                took = time.monotonic() - began
                loop.call_soon_threadsafe(self._end, batch, outcomes, began, took)

    def _take(self, first: _Piece, most: int) -> list[_Piece]:
        """This thread's share of what waits."""
        share = 1 + self._queue.waiting_like(first) // self._count
        taken, cost = [first], first.cost
        while len(taken) < share and cost < most:
            piece = self._queue.more_like(first)
            if piece is None:
                break
            taken.append(piece)
            cost += piece.cost
        return taken

    def _turn(self, model: Encoder, piece: _Piece, windows: Sequence[Window] | None) -> list[_Task]:
        """The next of a text's `windows`; the rest goes back to the end of the queue, and so does a
        long text that has been cut so far."""
        text = piece.text
        if text.done.done():
            raise Unavailable("the request for this text has been given up")
        if windows is None and text.is_long:
            cutting = piece.cutting or Cutting(model.windows, text.text)
            if (windows := cutting.go_on()) is None:
                self._queue.put(_Piece(text, cutting=cutting))
                return []
        if windows is None:
            windows = model.windows.cut(text.text)
        if piece.windows is None:
            text.count = len(windows)
        if rest := windows[TURN_WINDOWS:]:
            self._queue.put(_Piece(text, rest, piece.first + TURN_WINDOWS))
        return [
            _Task(text, piece.first + place, window)
            for place, window in enumerate(windows[:TURN_WINDOWS])
        ]

    def _encode(self, model: Encoder, batch: Sequence[_Task]) -> list[_Outcome]:
        """Outcomes of the texts that this forward pass completes."""
        try:
            encoded = model.run([task.window for task in batch])
            complete = []
            with self._counting:
                for task, part in zip(batch, encoded, strict=True):
                    task.text.parts[task.place] = part
                    if len(task.text.parts) == task.text.count:
                        complete.append(task.text)
            return [(text, join([text.parts[i] for i in range(text.count)])) for text in complete]
        except Unavailable as error:
            return [(task.text, error) for task in batch]
        except Exception as error:
            if len(batch) > 1:  # it may be one text's doing
                return [each for task in batch for each in self._encode(model, [task])]
            failed = Unavailable("the encoder failed", reason=f"{type(error).__name__}: {error}")
            return [(batch[0].text, failed)]


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cut(model: Encoder, pieces: Sequence[_Piece]) -> dict[_Piece, Sequence[Window]]:
    """The windows of each piece; where one cannot be cut, of those alone that have been before."""
    cuts = {piece: piece.windows for piece in pieces if piece.windows is not None}
    fresh = [
        piece
        for piece in pieces
        if piece not in cuts and not piece.text.is_long and not piece.text.done.done()
    ]
    try:
        return cuts | dict(
            zip(fresh, model.windows.cut_all([piece.text.text for piece in fresh]), strict=True)
        )
    except Exception:
        return cuts


def _batches(tasks: Sequence[_Task], pace: Pace) -> Iterator[list[_Task]]:
    """Windows of similar length together, of at most `batch_tokens` unless alone."""
    batch: list[_Task] = []
    total = 0
    for task in sorted(tasks, key=lambda task: len(task.window.ids)):
        length = len(task.window.ids)
        size = (len(batch) + 1) * length if pace.is_padded else total + length
        if batch and size > pace.batch_tokens:
            yield batch
            batch, total = [], 0
        batch.append(task)
        total += length
    if batch:
        yield batch
