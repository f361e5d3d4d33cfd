"""The same recalls as torch is made to do them: sessions padded to the longest, one product of
all.

Everything is float16 on the device. `gathered` pads first, out of rows that lie one after the
other; `ready` finds them padded.
"""

import statistics
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from bench.sessions import MOST_TOKENS, UNITS, WIDTH, Load
from semvec.kernels.numpy_ import unit_scales
from semvec.kernels.protocol import DeviceArray

WARM, ROUNDS = 3, 11
MOST_BYTES = 24 << 30
"""Past this, torch is not asked."""

Call = Callable[[], object]
Places = npt.NDArray[np.int64]


def took_ms(call: Call) -> float:
    """Median on the device, of a few rounds."""
    times = []
    for _ in range(WARM + ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    torch.cuda.empty_cache()
    return float(statistics.median(times[WARM:]))


def float16(values: DeviceArray, queries: npt.NDArray[np.float32], k: int) -> Call:
    """One query over all rows, which are CuPy's."""
    rows = torch.from_dlpack(values)
    query = torch.from_numpy(queries[0]).half().cuda()
    return lambda: (rows @ query).topk(k)


def cosine(load: Load, k: int) -> tuple[Call | None, Call | None]:
    """`gathered` and `ready`."""
    places = _padded(load.runs.starts, load.runs.lengths)
    if places.size * load.codes.shape[1] * 2 > MOST_BYTES:
        return None, None
    rows, at = _halves(load.codes), torch.from_numpy(np.maximum(places, 0)).cuda()
    empty, queries = (
        torch.from_numpy(places < 0).cuda(),
        torch.from_numpy(load.queries).half().cuda(),
    )

    def best(sessions: torch.Tensor) -> object:
        scores = torch.bmm(sessions, queries[:, :, None])[..., 0]
        return scores.masked_fill_(empty, -torch.inf).topk(min(k, scores.shape[1]))

    ready = rows[at]
    return lambda: best(rows[at]), lambda: best(ready)


def maxsim(load: Load, k: int) -> tuple[Call | None, Call | None]:
    """`gathered` and `ready`."""
    memories = _padded(load.runs.starts, load.runs.lengths)
    sessions, longest = memories.shape
    places = _padded(load.spans.starts, load.spans.lengths, MOST_TOKENS)[memories]
    places[memories < 0] = -1
    if places.size * (WIDTH + UNITS) * 2 > MOST_BYTES:
        return None, None
    rows, at = _halves(load.tokens), torch.from_numpy(np.maximum(places, 0)).cuda()
    empty = torch.from_numpy(places < 0).cuda()
    units = torch.from_numpy(load.questions.vectors).half().cuda().view(sessions, UNITS, WIDTH)
    weights = torch.from_numpy(load.questions.weights).half().cuda().view(sessions, UNITS, 1)

    def best(tokens: torch.Tensor) -> object:
        flat = tokens.view(sessions, longest * MOST_TOKENS, WIDTH)
        near = torch.bmm(flat, units.transpose(1, 2)).view(sessions, longest, MOST_TOKENS, UNITS)
        highest = near.masked_fill_(empty[..., None], -torch.inf).amax(2).clamp_(0.0)
        return torch.bmm(highest, weights)[..., 0].topk(min(k, longest))

    ready = rows[at]
    return lambda: best(rows[at]), lambda: best(ready)


def _padded(starts: Places, lengths: Places, longest: int | None = None) -> Places:
    """Places of each run's rows, shape (runs, longest), -1 past its end."""
    place = np.arange(lengths.max() if longest is None else longest)
    return np.where(place < lengths[:, None], starts[:, None] + place, -1)


def _halves(codes: npt.NDArray[np.int8]) -> torch.Tensor:
    """What the codes stand for, a million rows at a time."""
    found = torch.empty(codes.shape, dtype=torch.half, device="cuda")
    for start in range(0, len(codes), 1 << 20):
        part = codes[start : start + (1 << 20)]
        found[start : start + len(part)] = torch.from_numpy(part * unit_scales(part)[:, None])
    return found
