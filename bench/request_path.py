"""How much of the package one request passes through.

    python -m bench.request_path [--list]

A server in this process answers `POST /v1/run` over HTTP with the packaged encoder: once with
learning, once with `learn: false`. Every function of the package that runs between the request's
first byte and its answer's last one is counted once, on all threads, without comprehensions,
generator expressions and lambdas. The session is warm: ten turns were learnt before.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

import semvec
from semvec.settings import load_settings
from semvec.web.app import create_app

PACKAGE = str(Path(semvec.__file__).parent)
WARM_TURNS = 10


class Recorder:
    """Notes the code of every function of the package that is called while it records.

    It is installed before any thread starts, so that it hears of all threads.
    """

    def __init__(self) -> None:
        self._seen: set[CodeType] | None = None
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    @contextmanager
    def recording(self) -> Iterator[set[CodeType]]:
        seen: set[CodeType] = set()
        self._seen = seen
        try:
            yield seen
        finally:
            self._seen = None

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if self._seen is not None and event == "call" and code.co_filename.startswith(PACKAGE):
            self._seen.add(code)


async def measure(recorder: Recorder) -> dict[str, set[CodeType]]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder}/bench.db",
            "SEMVEC_ALLOW_ANONYMOUS": "1",
            "SEMVEC_DEVICE": "cpu",
        }
        async with TestClient(TestServer(create_app(load_settings()))) as client:
            turn: dict[str, object] = {"message": "Which shelf holds the red kites?"}
            answer = await client.post("/v1/run", json=turn)
            turn["session_id"] = (await answer.json())["session_id"]
            for number in range(WARM_TURNS):
                said = {"message": f"Kite {number} lies on shelf {number % 3}.", "response": "Yes."}
                assert (await client.post("/v1/run", json=turn | said)).status == 200
            found = {}
            for name, learn in (("learn", True), ("recall", False)):
                said = {"response": "The top one."} if learn else {}
                body = json.dumps(turn | said | {"learn": learn})
                await asyncio.sleep(0.6)  # what is written behind the answers is done
                with recorder.recording() as seen:
                    answer = await client.post("/v1/run", data=body)
                    assert answer.status == 200, await answer.text()
                found[name] = {code for code in seen if not code.co_name.startswith("<")}
            return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name every function")
    arguments = parser.parse_args()
    for name, codes in asyncio.run(measure(Recorder())).items():
        modules = {code.co_filename for code in codes}
        print(f"{name}: {len(codes)} functions in {len(modules)} modules")
        if arguments.list:
            places = (f"{Path(c.co_filename).relative_to(PACKAGE)}:{c.co_qualname}" for c in codes)
            print(*sorted(places), sep="\n")


if __name__ == "__main__":
    main()
