"""The device is chosen once; what is missing is said in one line."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from semvec.errors import StartError
from semvec.kernels.factory import open_device


def without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


def with_cards(monkeypatch: pytest.MonkeyPatch, number: int | Exception) -> None:
    """CuPy as it is on a machine with so many cards, or with a driver that fails."""

    def count() -> int:
        if isinstance(number, Exception):
            raise number
        return number

    runtime = SimpleNamespace(getDeviceCount=count)
    cupy: Any = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def test_the_cpu_is_taken_without_a_look_at_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch, RuntimeError("not to be asked"))
    assert open_device("cpu") is None


def test_auto_takes_the_cpu_and_says_why_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    without_cupy(monkeypatch)
    assert open_device("auto") is None
    with_cards(monkeypatch, RuntimeError("the driver is too old"))
    assert open_device("auto") is None
    assert [record.message.partition("(")[0] for record in caplog.records] == [
        "vectors are compared on the CPU: CuPy is not installed",
        "vectors are compared on the CPU: the driver is too old",
    ]


def test_a_device_that_is_asked_for_and_not_there_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_cupy(monkeypatch)
    with pytest.raises(StartError, match=r"SEMVEC_DEVICE=cuda: CuPy .* of the extra 'gpu'"):
        open_device("cuda")
    with_cards(monkeypatch, 1)
    with pytest.raises(StartError, match="SEMVEC_DEVICE=cuda:3: there is no CUDA device 3"):
        open_device("cuda:3")
    with_cards(monkeypatch, RuntimeError("no CUDA-capable device is detected"))
    with pytest.raises(StartError, match="cuda: no CUDA-capable device is detected"):
        open_device("cuda")
