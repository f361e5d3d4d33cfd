"""The text block that goes into a system prompt: the same size however long the talk."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BYTES_PER_TOKEN = 4
"""UTF-8 bytes that a language model's tokenizer turns into one token, about."""
CUT_MARK = " […]"
SMALLEST = 160
"""Bytes below which the rest of the budget is left empty rather than filled with a scrap."""

_SENTENCE_END = re.compile(r"[.!?…。！？](?=[\s\"'”’)\]]|$)[\"'”’)\]]*|\n")


@dataclass(frozen=True, slots=True)
class Block:
    """`shown` are the places of the texts that found room."""

    text: str
    shown: list[int]


def context_block(turns: int, memories: int, texts: Iterable[str], budget: int) -> Block:
    """A header line, then `texts` best first, in at most about `budget` tokens.

    What does not fit whole is cut at the end of a sentence and marked; no text takes more than half
    of the budget, so that one long memory does not push out all others.
    """
    header = f"Memory of this conversation: {_count(turns, 'turn', 'turns')}, "
    header += f"{_count(memories, 'memory', 'memories')}."
    opening = f"{header} Most relevant:"
    room = budget * BYTES_PER_TOKEN - len(opening)
    largest = max(SMALLEST, room // 2)
    lines: list[str] = []
    shown: list[int] = []
    for place, text in enumerate(texts):
        indented = text[:largest].replace("\n", "\n  ")  # of what is longer no more can stay
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
    """`text` in at most `limit` UTF-8 bytes: whole, or cut where a sentence or else a word ends."""
    data = text.encode()
    if len(data) <= limit:
        return text
    head = data[: max(0, limit - len(CUT_MARK.encode()))].decode(errors="ignore")
    ends = [match.end() for match in _SENTENCE_END.finditer(head)]
    cut = ends[-1] if ends and ends[-1] >= len(head) // 3 else head.rfind(" ")
    return head[: cut if cut > 0 else len(head)].rstrip() + CUT_MARK
