"""The encoder's kernels in NumPy, with float16 where they have it: what each of them is to give."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.kernels.protocol import DeviceArray
from semvec.kernels.rows import normalised, quantise
from semvec.tokens import pooled as clustered
from tests.kernels.emulated import Emulated

Floats = npt.NDArray[np.float32]


class Twin(Emulated):
    """`Device` over NumPy arrays, for the encoder's kernels alone."""

    def __init__(self) -> None:
        """Nothing is compiled."""

    def launch(
        self,
        kernel: str,
        rows: str | None,
        grid: tuple[int, int],
        threads: int,
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        if kernel.startswith("heads_"):
            heads(int(kernel.removeprefix("heads_")), *arguments)
        else:
            KERNELS[kernel](*arguments)


def wide(values: DeviceArray) -> Floats:
    return np.asarray(values, np.float32)


def erf(x: Floats) -> Floats:
    """Within 2e-7 (Abramowitz and Stegun, 7.1.26)."""
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t) * t
    rest = (series + 0.254829592 * t) * np.exp(-x * x)
    out: Floats = np.copysign(1.0 - rest, x)
    return out


def normed(values: Floats, gain: DeviceArray, offset: DeviceArray, epsilon: np.generic) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
    out: Floats = centred / spread * gain + offset
    return out


def embedded(
    words: DeviceArray,
    places: DeviceArray,
    ids: DeviceArray,
    at: DeviceArray,
    tokens: Any,
    d: Any,
    *rest: Any,
) -> None:
    *norm, found = rest
    found[:tokens] = normed(wide(words[ids]) + wide(places[at]), *norm)


def residual(added: DeviceArray, bias: DeviceArray, tokens: Any, d: Any, *rest: Any) -> None:
    *norm, states = rest
    states[:] = normed(wide(added) + bias + wide(states), *norm)


def gelu(bias: DeviceArray, tokens: Any, d: Any, values: DeviceArray) -> None:
    x = wide(values) + bias
    values[:] = 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))


def units(rows: DeviceArray, chosen: DeviceArray, number: Any, d: Any, found: DeviceArray) -> None:
    found[:] = normalised(wide(rows[chosen]))


def pooled(
    states: DeviceArray, starts: DeviceArray, lengths: DeviceArray, d: Any, found: DeviceArray
) -> None:
    sums = [
        wide(states[start : start + length]).sum(axis=0)
        for start, length in zip(starts, lengths, strict=True)
    ]
    found[:] = normalised(np.array(sums))


def heads(numbers: int, *arguments: Any) -> None:
    parts, biases, tiles, _, count, scale, found = arguments
    width = numbers * int(count)
    for first, length in {(first, length) for first, length, _ in tiles.tolist()}:
        rows = wide(parts[first : first + length])
        queries, keys, values = np.split(rows, 3, axis=1)
        queries = wide(((queries + biases[:width]) * scale).astype(np.float16))
        keys = keys + biases[width : 2 * width]
        for head in range(int(count)):
            at = slice(head * numbers, (head + 1) * numbers)
            scores = queries[:, at] @ keys[:, at].T
            weights = np.exp2(scores - scores.max(axis=1, keepdims=True))
            mixed = wide(weights.astype(np.float16)) @ values[:, at]
            mixed /= weights.sum(axis=1, keepdims=True)
            found[first : first + length, at] = mixed + biases[2 * width :][at]


def cluster(
    vectors: DeviceArray,
    p: Any,
    heard: DeviceArray,
    weights: DeviceArray,
    firsts: DeviceArray,
    rooms: DeviceArray,
    codes: DeviceArray,
) -> None:
    for text in range(len(firsts) - 1):
        here, room = slice(*firsts[text : text + 2]), slice(*rooms[text : text + 2])
        if room.stop > room.start:
            few = clustered(vectors[heard[here]], weights[here], room.stop - room.start)
            codes[room] = quantise(few)


KERNELS: dict[str, Callable[..., None]] = {
    "clustered": cluster,
    "embedded": embedded,
    "gelu": gelu,
    "pooled": pooled,
    "residual": residual,
    "units": units,
}
