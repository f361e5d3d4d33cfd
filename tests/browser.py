"""A real browser without a window, driven over the Chrome DevTools protocol."""

import asyncio
import itertools
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 30


class Tab:
    """`requested` holds the addresses the page asked for, `complaints` what its console holds.

    It was asked for a name and a password `asked` times, and gave `password`.
    """

    def __init__(self, socket: ClientWebSocketResponse, password: str) -> None:
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.asked = 0
        self._socket = socket
        self._password = password
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")
        await self._call("Fetch.enable", handleAuthRequests=True)
        await self._call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        answer = await self._call("Runtime.evaluate", expression=expression, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait_for(self, expression: str) -> None:
        """Until the expression is true in the page."""
        for _ in range(PATIENCE_S * 10):
            if await self.evaluate(expression):
                return
            await asyncio.sleep(0.1)
        page = await self.evaluate("document.documentElement.outerText")
        pytest.fail(f"never true: {expression}\n{self.complaints}\n{page}")

    async def listen(self) -> None:
        async for message in self._socket:
            event = message.json()
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event.get("result", {}))
            else:
                self._hear(event["method"], event["params"])

    def _hear(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Fetch.requestPaused":
                self._tell("Fetch.continueRequest", requestId=params["requestId"])
            case "Fetch.authRequired":
                self.asked += 1
                given = {"username": "anybody", "password": self._password}
                answer = {"response": "ProvideCredentials", **given}
                self._tell(
                    "Fetch.continueWithAuth",
                    requestId=params["requestId"],
                    authChallengeResponse=answer,
                )
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.complaints.append(str(params["args"]))

    def _tell(self, method: str, **params: Any) -> None:
        task = asyncio.create_task(self._call(method, **params))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await answer


@asynccontextmanager
async def browsing(folder: Path, password: str = "") -> AsyncIterator[Tab]:
    """Skips the test where there is no Chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        "--window-size=1400,900",
    ]
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    process = await asyncio.create_subprocess_exec(
        program, *flags, *quiet, f"--user-data-dir={folder}", stdout=DEVNULL, stderr=PIPE
    )
    try:
        port = await _debugging_port(process)
        async with ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new") as answer:
                address = (await answer.json(content_type=None))["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket, password)
                listening = asyncio.create_task(tab.listen())
                yield tab
                listening.cancel()
    finally:
        process.terminate()
        await process.communicate()


async def _debugging_port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stderr:
            if line.startswith(b"DevTools listening on "):
                return int(line.split(b":")[2].partition(b"/")[0])
    pytest.fail("the browser does not start")
