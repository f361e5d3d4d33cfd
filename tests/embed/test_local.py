import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from semvec.embed.encoded import Encoded
from semvec.embed.local import LocalEmbedder
from semvec.embed.model import PACE, CpuModel
from semvec.embed.packaged import DIRECTORY
from semvec.embed.windows import Window
from semvec.errors import Overloaded, Unavailable
from tests.embed.models import write_model

LONG = "a boat sails " * 2_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny")


@pytest.fixture
async def embedder(directory: Path) -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder(directory, threads=2)
    await embedder.start()
    yield embedder
    await embedder.close()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Window]]:
    """Every batch that models run, as they run it."""
    seen: list[list[Window]] = []
    run = CpuModel.run

    def watched(model: CpuModel, windows: Sequence[Window]) -> list[Encoded]:
        seen.append(list(windows))
        return run(model, windows)

    monkeypatch.setattr(CpuModel, "run", watched)
    return seen


async def test_texts_are_answered_in_order(embedder: LocalEmbedder) -> None:
    texts = ["the boat " * n for n in (9, 1, 40, 2, 0, 25)]
    together = await embedder.encode(texts)
    for text, encoding in zip(texts, together, strict=True):
        (alone,) = await embedder.encode([text])
        np.testing.assert_allclose(encoding.vector, alone.vector, atol=1e-5)
        assert alone.tokens is not None
        assert encoding.tokens is not None
        assert encoding.tokens.words == alone.tokens.words == tuple(text.split())


async def test_nothing_to_encode_is_nothing(embedder: LocalEmbedder) -> None:
    assert await embedder.encode([]) == []


async def test_it_names_itself_after_its_directory(
    embedder: LocalEmbedder, directory: Path
) -> None:
    assert (embedder.model_name, embedder.dimension) == (directory.name, 32)


async def test_concurrent_requests_share_batches(
    embedder: LocalEmbedder, batches: list[list[Window]]
) -> None:
    requests = [embedder.encode([f"the boat {'sails ' * (n % 7)}"]) for n in range(200)]
    answers = await asyncio.gather(*requests)
    assert len(answers) == sum(map(len, batches)) == 200
    assert len(batches) < 100
    for batch in batches:
        longest = max(len(window.ids) for window in batch)
        assert len(batch) * longest <= PACE.batch_tokens


async def test_short_texts_overtake_a_long_one(embedder: LocalEmbedder) -> None:
    long = asyncio.create_task(embedder.encode([LONG]))
    await asyncio.sleep(0)
    for _ in range(3):
        await embedder.encode(["the cat"])
    assert not long.done()
    (encoding,) = await long
    assert encoding.tokens is not None
    assert len(encoding.tokens.vectors) <= 2048


async def test_the_event_loop_goes_on_meanwhile(embedder: LocalEmbedder) -> None:
    work = asyncio.create_task(embedder.encode([LONG] * 3))
    longest, start = 0.0, time.perf_counter()
    while not work.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    assert longest < (time.perf_counter() - start) / 3


async def test_a_cancelled_request_is_not_encoded(
    embedder: LocalEmbedder, batches: list[list[Window]]
) -> None:
    busy = asyncio.create_task(embedder.encode([LONG]))
    await asyncio.sleep(0)
    left = asyncio.create_task(embedder.encode(["cat " * 61] * 40))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    await embedder.encode(["the boat"])
    busy.cancel()
    await embedder.close()
    assert sum(map(len, batches)) < 100


async def test_what_was_given_up_counts_no_longer(embedder: LocalEmbedder) -> None:
    """One request's texts leave, those of others in the same passes stay."""
    stays = [asyncio.create_task(embedder.encode([f"the cat {n}"])) for n in range(20)]
    leaves = asyncio.create_task(embedder.encode([LONG, *["the boat"] * 20]))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.wait([leaves])
    assert sum(embedder._pending.values()) == sum(text.cost for text in embedder._open)
    assert all("cat" in text.text for text in embedder._open)
    assert len(await asyncio.gather(*stays)) == 20
    assert not embedder._open


async def test_many_long_texts_do_not_hold_up_a_short_one(
    embedder: LocalEmbedder, batches: list[list[Window]]
) -> None:
    """Promise 27: as few passes come between as with a single one."""
    long = [asyncio.create_task(embedder.encode([f"{n} {LONG}"])) for n in range(16)]
    while len(batches) < 20:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    between = []
    for _ in range(9):  # a busy machine may delay the loop, and more passes come between then
        before = len(batches)
        await embedder.encode(["the cat"])
        between.append(len(batches) - before)
    assert min(between) <= 8
    assert not any(each.done() for each in long)
    for each in long:
        each.cancel()
    await asyncio.wait(long)


async def test_too_much_waiting_is_refused(embedder: LocalEmbedder) -> None:
    huge = "a" * PACE.pending_characters
    first = asyncio.create_task(embedder.encode([huge]))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="too many texts waiting"):
        await embedder.encode([LONG])
    assert len(await embedder.encode(["the boat"])) == 1  # long texts keep no short one out
    first.cancel()
    await asyncio.wait([first])
    assert len(await embedder.encode([LONG])) == 1  # what was given up waits no longer
    assert len(await embedder.encode(["the boat"])) == 1


async def test_closing_finishes_what_waits_and_refuses_what_comes(directory: Path) -> None:
    embedder = LocalEmbedder(directory)
    with pytest.raises(Unavailable, match="not running"):
        await embedder.encode(["early"])
    await embedder.start()
    waiting = asyncio.gather(*(embedder.encode(["the boat"]) for _ in range(50)))
    await asyncio.sleep(0)
    await embedder.close()
    assert len(await waiting) == 50
    with pytest.raises(Unavailable, match="not running"):
        await embedder.encode(["late"])
    await embedder.close()


async def test_a_failing_pass_fails_its_texts_alone(
    embedder: LocalEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CpuModel.run

    def broken(model: CpuModel, windows: Sequence[Window]) -> list[Encoded]:
        if any(len(window.ids) > 10 for window in windows):
            raise RuntimeError("out of memory")
        return run(model, windows)

    monkeypatch.setattr(CpuModel, "run", broken)
    failing = embedder.encode([LONG])
    innocent = [embedder.encode(["the cat"]) for _ in range(8)]  # some share a pass with it
    failed, *answers = await asyncio.gather(failing, *innocent, return_exceptions=True)
    assert isinstance(failed, Unavailable)
    assert "out of memory" in str(failed)
    assert "out of memory" not in failed.detail
    assert not any(isinstance(each, BaseException) for each in answers)
    with pytest.raises(TypeError):
        await embedder.encode(["lone \ud800 surrogate"])
    assert len(await embedder.encode(["the cat"])) == 1


async def test_a_text_that_cannot_be_cut_fails_alone(directory: Path) -> None:
    embedder = LocalEmbedder(directory, threads=1)
    await embedder.start()
    busy = asyncio.create_task(embedder.encode([LONG]))
    await asyncio.sleep(0)
    texts = ["the boat", "lone \ud800 surrogate", "the cat"]
    answers = await asyncio.gather(*(embedder.encode([t]) for t in texts), return_exceptions=True)
    assert [isinstance(each, TypeError) for each in answers] == [False, True, False]
    await busy
    await embedder.close()


async def test_a_model_that_cannot_be_loaded_is_no_silent_default(tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        await embedder.start()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = embedder.dimension
    await embedder.close()


async def test_no_connection_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    embedder = LocalEmbedder(DIRECTORY)
    await embedder.start()
    (encoding,) = await embedder.encode(["nothing is fetched"])
    await embedder.close()
    assert encoding.vector.shape == (384,)
