"""What only a card can show; skipped where there is none."""

import logging
from typing import Any

import numpy as np
import pytest

from semvec.kernels.device import OutOfMemory
from semvec.kernels.factory import open_device
from tests import devices


@pytest.fixture
def card() -> Any:
    return devices.card()


def test_cupy_opens_the_card_and_names_it(card: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    opened = open_device("cuda:0")
    assert opened is not None
    assert card.name in opened.name
    assert 0 < opened.memory_bytes < card.memory[1]
    assert f"compared on cuda:0, {card.name}" in caplog.text


def test_cupy_out_of_memory_is_told_and_the_next_call_works(card: Any) -> None:
    with pytest.raises(OutOfMemory, match="the GPU is out of memory"):
        card.empty((1 << 50,), np.int8)
    (there,) = card.upload(np.arange(9))
    np.testing.assert_array_equal(card.download(there)[0], np.arange(9))


def test_cupy_uploads_nothing_when_there_is_nothing(card: Any) -> None:
    assert card.upload() == []
    (there,) = card.upload(np.zeros(0, np.float32))
    assert card.download(there)[0].shape == (0,)
