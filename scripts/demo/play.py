"""Plays a written conversation to a running server and asks it about what was said.

    python scripts/demo/play.py http://127.0.0.1:8080 my-session

Exit status 0 when every question brought back what it needs and most changes of subject were seen.
"""

import argparse
import json
import os
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONVERSATION = Path(__file__).with_name("conversation.json")
WIDTH = 100
BAR = 12
NEAR = 1
"""Turns by which a detection may miss a change and still count."""
READY_WITHIN_S = 60.0

Json = dict[str, Any]


class PlayError(Exception):
    """The conversation cannot go on."""


@dataclass(frozen=True, slots=True)
class Turn:
    message: str
    response: str


@dataclass(frozen=True, slots=True)
class Question:
    """`expect` is a phrase that occurs in the memory that answers `q`."""

    q: str
    expect: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """`changes` are the indices of the turns that open a new subject."""

    turns: Sequence[Turn]
    changes: Sequence[int]
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Api:
    url: str
    session: str

    def get(self, path: str, **query: str | int) -> Json:
        return self._call(f"{path}?{urllib.parse.urlencode(query)}" if query else path, None)

    def post(self, path: str, **body: str | bool) -> Json:
        return self._call(path, json.dumps({"session_id": self.session, **body}).encode())

    def _call(self, path: str, body: bytes | None) -> Json:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers)
        # A proxy of the environment cannot reach this machine's loopback.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as reply:
                answer: Json = json.load(reply)
        except urllib.error.HTTPError as error:
            raise PlayError(
                f"{path}: {error.code} {error.read().decode(errors='replace')}"
            ) from None
        except OSError as error:
            raise PlayError(f"{path}: {error}") from None
        return answer


def load(path: Path) -> Conversation:
    written = json.loads(path.read_text(encoding="utf-8"))
    return Conversation(
        [Turn(**turn) for turn in written["turns"]],
        written["changes"],
        [Question(**question) for question in written["questions"]],
    )


def wait_until_ready(api: Api, pid: int | None) -> None:
    """Returns when the server can work; raises PlayError when it is gone or takes too long."""
    give_up = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            api.get("/v1/readyz")
        except PlayError as error:
            if time.monotonic() > give_up:
                raise
            if pid is not None and not _runs(pid):
                raise PlayError("the server stopped before it was ready") from error
            time.sleep(0.05)
        else:
            return


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def play(api: Api, conversation: Conversation) -> list[int]:
    """Plays every turn and returns the turns at which the server noticed a new subject."""
    seen: list[int] = []
    answered: dict[str, str] = {}
    for index, turn in enumerate(conversation.turns):
        step = api.post("/v1/run", message=turn.message, **answered)
        answered = {"response": turn.response}
        if step["drift_detected"]:
            seen.append(index)
        if index in conversation.changes:
            say(dim("─" * WIDTH))
        say(turn_line(index + 1, step["drift_score"], step["drift_detected"], turn.message))
    last = api.post("/v1/store", response=conversation.turns[-1].response)
    return [*seen, len(conversation.turns)] if last["drift_detected"] else seen


def turn_line(number: int, score: float, detected: bool, message: str) -> str:
    start = f"{number:3}  {bar(score)} {score:.2f}  "
    end = "  ◆ new subject" if detected else ""
    text = textwrap.shorten(message, WIDTH - len(start) - len(end), placeholder=" …")
    return start + text + bold(end)


def bar(score: float) -> str:
    filled = round(score * BAR)
    return "█" * filled + "·" * (BAR - filled)


def show_drift(changes: Sequence[int], seen: Sequence[int]) -> bool:
    """Says which changes were seen; true when at most one was missed."""
    met = [change for change in changes if any(abs(change - at) <= NEAR for at in seen)]
    false = [at for at in seen if all(abs(change - at) > NEAR for change in changes)]
    say(f"The subject changes at turns {numbers(changes)}; {len(met)} of {len(changes)} were seen.")
    say(f"Reported where nothing changes: {numbers(false) or 'none'}.")
    return len(met) >= len(changes) - 1


def numbers(indices: Sequence[int]) -> str:
    return ", ".join(str(index + 1) for index in indices)


def ask(api: Api, question: Question) -> bool:
    """Shows what comes back for a question; true when a recalled memory holds the answer."""
    query: dict[str, str | int] = {"session_id": api.session, "q": question.q}
    items = api.get("/v1/state/context", **query)["context"]
    block = api.post("/v1/run", message=question.q, learn=False)["context"]
    rank = next((i for i, item in enumerate(items, 1) if question.expect in item["text"]), None)
    where = f"✓ memory {rank} of {len(items)}" if rank else f"✗ none of {len(items)} memories"
    say("", bold(f"? {question.q}"), f"  {where} says “{question.expect}”; the context block:")
    for line in block.splitlines():
        say(*textwrap.wrap(line, WIDTH, initial_indent="  │ ", subsequent_indent="  │   "))
    return rank is not None


def show_learnt(api: Api) -> None:
    metrics = api.get(f"/v1/metrics/{api.session}")
    norm = metrics["norm_history"][-1]
    say(f"Updates {metrics['interaction_count']}, memories {metrics['total_memories']}.")
    say(f"Phase {metrics['phase']}, concentration {norm:.2f} (1: all about one thing).")


def heading(text: str) -> None:
    say("", bold(text), bold("═" * len(text)))


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if text and sys.stdout.isatty() else text


def dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if sys.stdout.isatty() else text


def hold(api: Api, conversation: Conversation) -> bool:
    """The whole conversation; true when the server did all that it promises."""
    heading(f"A conversation of {len(conversation.turns)} turns, with the drift score of each")
    seen = play(api, conversation)
    heading("Changes of subject")
    noticed = show_drift(conversation.changes, seen)
    heading("What was learnt")
    show_learnt(api)
    heading("What comes back for a question")
    recalled = [ask(api, question) for question in conversation.questions]
    say("", f"{sum(recalled)} of {len(recalled)} questions brought back what was said.")
    return noticed and all(recalled)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url", help="address of a server that takes requests without a token")
    parser.add_argument("session", help="id of the session to make")
    parser.add_argument(
        "--pid", type=int, help="process of the server: wait no longer than it runs"
    )
    args = parser.parse_args()
    api = Api(args.url.rstrip("/"), args.session)
    try:
        wait_until_ready(api, args.pid)
        api.post("/v1/session/create")
        worked = hold(api, load(CONVERSATION))
    except PlayError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if worked else 1


if __name__ == "__main__":
    sys.exit(main())
