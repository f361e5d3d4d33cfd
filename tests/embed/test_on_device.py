"""The embedder with a device: what it answers, beside the CPU, and what it does when that fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semvec.embed.encoded import Encoded
from semvec.embed.forward import Forward, Passed
from semvec.embed.local import LocalEmbedder
from semvec.embed.on_device import DeviceModel
from semvec.embed.packed import PackedTexts
from semvec.embed.target import Target
from semvec.errors import Unavailable
from semvec.kernels.device import GpuDevice
from semvec.kernels.protocol import DeviceArray
from semvec.vectors import Vector
from tests.devices import emulated
from tests.embed.models import write_model

SMALL = Target(emulated, 64)


def cosines(first: Vector, second: Vector) -> Vector:
    return np.asarray((first * second).sum(axis=-1), np.float32)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny", num_attention_heads=1)


@pytest.fixture
async def embedder(directory: Path) -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder(directory, threads=2)
    await embedder.start(SMALL)
    yield embedder
    await embedder.close()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[PackedTexts]:
    seen: list[PackedTexts] = []
    run = Forward.run

    def watched(forward: Forward, packed: PackedTexts) -> Passed:
        seen.append(packed)
        return run(forward, packed)

    monkeypatch.setattr(Forward, "run", watched)
    return seen


async def test_texts_are_answered_as_on_the_cpu(embedder: LocalEmbedder, directory: Path) -> None:
    texts = ["the boat " * n for n in (9, 1, 40, 2, 0, 25)]
    cpu = LocalEmbedder(directory, threads=1)
    await cpu.start()
    assert (embedder.dimension, embedder.token_dimension) == (cpu.dimension, cpu.token_dimension)
    for ours, theirs in zip(await embedder.encode(texts), await cpu.encode(texts), strict=True):
        assert ours.tokens is not None
        assert theirs.tokens is not None
        assert ours.vector.dtype == ours.tokens.vectors.dtype == np.float32
        assert cosines(ours.vector, theirs.vector) > 0.9999
        assert (cosines(ours.tokens.vectors, theirs.tokens.vectors) > 0.9999).all()
        assert ours.tokens.words == theirs.tokens.words
        codes = [np.frombuffer(each.tokens.kept, np.int8) for each in (ours, theirs) if each.tokens]
        np.testing.assert_allclose(codes[0], codes[1], atol=3)
    await cpu.close()


async def test_concurrent_requests_share_passes_that_hold_no_padding(
    embedder: LocalEmbedder, passes: list[PackedTexts]
) -> None:
    requests = [embedder.encode([f"the boat {'sails ' * (n % 7)}"]) for n in range(100)]
    answers = await asyncio.gather(*requests)
    assert len(answers) == sum(len(packed.lengths) for packed in passes) == 100
    assert len(passes) < 40
    assert all(packed.lengths.sum() == len(packed.ids) for packed in passes)


async def test_a_pass_takes_no_more_tokens_than_there_is_room_for(
    directory: Path, passes: list[PackedTexts]
) -> None:
    embedder = LocalEmbedder(directory, threads=1)
    await embedder.start(SMALL)
    passes.clear()
    await embedder.encode(["the boat sails " * (n % 9) for n in range(60)])
    await embedder.close()
    assert len(passes) > 5
    assert max(len(packed.ids) for packed in passes) <= 64


async def test_a_model_that_has_no_kernels_is_encoded_on_the_cpu(
    tmp_path: Path, passes: list[PackedTexts], caplog: pytest.LogCaptureFixture
) -> None:
    embedder = LocalEmbedder(write_model(tmp_path / "small"))
    with caplog.at_level(logging.WARNING):
        await embedder.start(SMALL)
    assert len(await embedder.encode(["the boat"])) == 1
    await embedder.close()
    assert passes == []
    assert "small is encoded on the CPU: attention heads of 8 numbers" in caplog.text


class Failing:
    """A device that works until it is told how to fail."""

    def __init__(self) -> None:
        self._device = emulated()
        self.failure: Exception | None = None

    def upload(self, *arrays: np.ndarray[Any, Any]) -> list[DeviceArray]:
        if self.failure is not None:
            raise self.failure
        return self._device.upload(*arrays)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)


@pytest.mark.parametrize("failure", [MemoryError("out of memory"), RuntimeError("lost")])
async def test_a_device_that_fails_refuses_work_and_names_the_cause(
    directory: Path, failure: Exception
) -> None:
    device = Failing()

    embedder = LocalEmbedder(directory)
    await embedder.start(Target(lambda: device, 64))
    device.failure = failure
    with pytest.raises(Unavailable, match=f"the encoder's device failed: {failure}"):
        await embedder.encode(["the boat", "the cat"])
    device.failure = None
    assert len(await embedder.encode(["the boat"])) == 1
    await embedder.close()


@pytest.mark.parametrize(
    "failure", [MemoryError("the card is full"), ImportError("no libcublas"), Unavailable("lost")]
)
async def test_a_device_that_does_not_open_leaves_the_cpu(
    directory: Path, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def opened() -> GpuDevice:
        raise failure

    embedder = LocalEmbedder(directory)
    with caplog.at_level(logging.WARNING):
        await embedder.start(Target(opened))
    assert len(await embedder.encode(["the boat"])) == 1
    await embedder.close()
    assert f"tiny is encoded on the CPU: {failure}" in caplog.text


async def test_windows_of_a_long_text_are_joined(
    embedder: LocalEmbedder, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[Sequence[Encoded]] = []
    run = DeviceModel.run

    def watched(model: DeviceModel, windows: Sequence[Any]) -> list[Encoded]:
        parts.append(run(model, windows))
        return list(parts[-1])

    monkeypatch.setattr(DeviceModel, "run", watched)
    (encoding,) = await embedder.encode(["a boat sails " * 60])
    assert encoding.tokens is not None
    assert len(encoding.tokens.words) == len(encoding.tokens.vectors) == 240
    mean = np.sum([part.vector for each in parts for part in each], axis=0)
    assert cosines(encoding.vector, mean / np.linalg.norm(mean)) > 0.9999
