"""The packaged encoder, whose passes over texts are done once."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from semvec.embed.encoded import Encoded, join
from semvec.embed.model import CpuModel
from semvec.embed.packaged import DIRECTORY, MODEL_NAME
from semvec.session.events import Profile
from semvec.session.turn import EncodedText
from semvec.tokens import projection

LONG_TERM = 4096


class Encoder:
    """Texts as sessions take them.

    The forward passes are kept; what follows them, up to the few token vectors of a memory, is done
    anew in each `said`.
    """

    def __init__(self) -> None:
        self._model = CpuModel.load(DIRECTORY)
        self._passes: dict[str, list[Encoded]] = {}

    def learn(self, texts: Iterable[str]) -> None:
        """Have the passes over these texts done, on all cores."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._passes]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            self._passes.update(zip(fresh, pool.map(self._pass, fresh), strict=True))

    def said(self, text: str) -> EncodedText:
        encoding = join(self._passes[text])
        return EncodedText(text, encoding.vector, encoding.tokens)

    def profile(self, *, tokens: bool = True) -> Profile:
        """Of a session as it is made by default."""
        dimension = self._model.dimension
        return Profile(
            dimension=dimension,
            model=MODEL_NAME,
            long_term=LONG_TERM,
            token_dimension=projection(dimension).shape[1] if tokens else 0,
        )

    def _pass(self, text: str) -> list[Encoded]:
        return [self._model.run([window])[0] for window in self._model.windows.cut(text)]
