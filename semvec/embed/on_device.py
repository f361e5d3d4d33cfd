"""The encoder on a device: one thread speaks to it, and others wait for that one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np

from semvec.embed.directory import ModelDirectory
from semvec.embed.encoded import Encoded, Pace
from semvec.embed.forward import Forward, Passed
from semvec.embed.packed import PackedTexts
from semvec.embed.target import MAX_TARGET_TOKENS, Target
from semvec.embed.windows import Window, Windows
from semvec.errors import Unavailable
from semvec.tokens import token_weights

WARMED = 2, 64, 1024, MAX_TARGET_TOKENS
"""Tokens of the passes at the start, so that no request waits for a library to be loaded."""
LONGEST_TURN = 250_000
MOST_PENDING = 16_000_000
"""Characters of one turn, some four full passes, and of all that may wait."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceModel:
    """Nothing of a pass stays on the device; the CPU gets unit vectors and codes back."""

    dimension: int
    windows: Windows
    pace: Pace
    _forward: Forward
    _thread: ThreadPoolExecutor

    @classmethod
    def of(cls, model: ModelDirectory, target: Target) -> Self:
        """MemoryError if the device has no room, ValueError if the kernels cannot run the model;
        what opening the device raises comes through."""
        shape = model.shape
        windows = Windows.load(model.tokenizer, shape.window, shape.vocabulary)
        thread = ThreadPoolExecutor(1, "encoder-device")

        def prepared() -> Forward:
            forward = Forward(target.open(), shape, model.weights, target.most_tokens)
            for tokens in WARMED:
                if tokens <= forward.most_tokens:
                    forward.run(_blank(tokens, shape.window))
            return forward

        try:
            forward = thread.submit(prepared).result()
        except BaseException:
            thread.shutdown(wait=False)
            raise
        pace = Pace(forward.most_tokens, False, LONGEST_TURN, MOST_PENDING)
        return cls(shape.hidden, windows, pace, forward, thread)

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """Unavailable if the device fails or has no room left."""
        packed = PackedTexts.of(
            [window.ids for window in windows],
            [window.own for window in windows],
            [token_weights(window.words) for window in windows],
        )
        try:
            passed = self._thread.submit(self._forward.run, packed).result()
        except (MemoryError, RuntimeError) as error:
            raise Unavailable("the encoder's device failed", reason=str(error)) from error
        return _parts(windows, packed, passed)

    def close(self) -> None:
        self._thread.shutdown()


def _parts(windows: Sequence[Window], packed: PackedTexts, passed: Passed) -> list[Encoded]:
    parts, begin, rooms = [], 0, packed.rooms.tolist()
    for place, window in enumerate(windows):
        end = begin + len(window.words)
        codes = passed.codes[rooms[place] : rooms[place + 1]]
        kept = codes.tobytes() if len(codes) else None
        vector, tokens = passed.pooled[place].copy(), passed.tokens[begin:end].copy()
        parts.append(Encoded(vector, tokens, window, True, kept))
        begin = end
    return parts


def _blank(tokens: int, longest: int) -> PackedTexts:
    """Windows of so many tokens together, the first word of the vocabulary again and again."""
    lengths = [longest] * (tokens // longest) + [tokens % longest] * (tokens % longest > 0)
    ids = [np.zeros(length, np.int32) for length in lengths]
    weights = [np.ones(length, np.float32) for length in lengths]
    return PackedTexts.of(ids, [slice(0, length, 1) for length in lengths], weights)
