"""The packaged encoder on a device beside the one on the CPU, where that can be imported."""

import numpy as np
import pytest

from semvec.embed.packaged import DIRECTORY, SHA256
from semvec.embed.target import Target
from semvec.kernels.device import GpuDevice
from tests.devices import card, emulated


@pytest.fixture(params=["emulated", "cupy"])
def device(request: pytest.FixtureRequest) -> GpuDevice:
    for name in ("onnx", "onnxruntime", "tokenizers", "Stemmer"):
        pytest.importorskip(name, reason="the encoder of the CPU needs it")
    return emulated() if request.param == "emulated" else card()


def test_the_packaged_encoder_agrees_with_the_cpu(device: GpuDevice) -> None:
    """Least on texts of one token, where the CPU's rounding weighs most: the device does not."""
    from semvec.embed.directory import ModelDirectory
    from semvec.embed.encoded import join
    from semvec.embed.model import CpuModel
    from semvec.embed.on_device import DeviceModel
    from tests.embed.reference import SENTENCES

    directory = ModelDirectory.read(DIRECTORY, SHA256)
    here, there = CpuModel.of(directory), DeviceModel.of(directory, Target(lambda: device, 256))
    pooled, tokens = [], []
    for text in SENTENCES:
        ours, theirs = (join(each.run(each.windows.cut(text))) for each in (there, here))
        assert ours.tokens is not None
        assert theirs.tokens is not None
        assert ours.tokens.words == theirs.tokens.words
        assert len(ours.tokens.kept) == len(theirs.tokens.kept)
        pooled.append(ours.vector @ theirs.vector)
        tokens.append((ours.tokens.vectors * theirs.tokens.vectors).sum(axis=1))
    there.close()
    assert min(pooled[:-2]) > 0.999
    assert min(pooled) > 0.997
    assert np.concatenate(tokens).mean() > 0.999
    assert np.concatenate(tokens).min() > 0.998
