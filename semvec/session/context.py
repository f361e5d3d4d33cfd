"""The context block for a system prompt, of limited size however long the conversation."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BYTES_PER_TOKEN = 4
"""Approximate UTF-8 bytes in one token of a language model."""
CUT_MARK = " […]"
SMALLEST = 160
"""Bytes below which the rest of the budget stays empty instead of holding a fragment."""

_SENTENCE_END = re.compile(r"[.!?…。！？](?=[\s\"'”’)\]]|$)[\"'”’)\]]*|\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of text; `shown` are the indices of the texts in it."""

    text: str
    shown: list[int]


def context_block(turns: int, memories: int, texts: Iterable[str], budget: int) -> Block:
    """Build a header line, then `texts` best first, in about `budget` tokens at most.

    A text that does not fit is cut at the end of a sentence and marked. No text takes more than
    half of the budget, so that one long memory does not displace all others.
    """
    header = f"Memory of this conversation: {_count(turns, 'turn', 'turns')}, "
    header += f"{_count(memories, 'memory', 'memories')}."
    opening = f"{header} Most relevant:"
    room = budget * BYTES_PER_TOKEN - len(opening)
    largest = max(SMALLEST, room // 2)
    lines: list[str] = []
    shown: list[int] = []
    for place, text in enumerate(texts):
        indented = text[:largest].replace("\n", "\n  ")  # no more than that can be shown
        line = "- " + shortened(indented, min(room, largest) - 3)
        size = len(line.encode()) + 1
        if size > room or (room < SMALLEST and line.endswith(CUT_MARK)):
            continue
        lines.append(line)
        shown.append(place)
        room -= size
    return Block("\n".join([opening, *lines]) if lines else header, shown)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def shortened(text: str, limit: int) -> str:
    """Return `text` in at most `limit` UTF-8 bytes, cut at the end of a sentence or else of a
    word."""
    data = text.encode()
    if len(data) <= limit:
        return text
    head = data[: max(0, limit - len(CUT_MARK.encode()))].decode(errors="ignore")
    ends = [match.end() for match in _SENTENCE_END.finditer(head)]
    cut = ends[-1] if ends and ends[-1] >= len(head) // 3 else head.rfind(" ")
    return head[: cut if cut > 0 else len(head)].rstrip() + CUT_MARK
