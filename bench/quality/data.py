"""Conversations with questions, and dialogues with topic boundaries."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are the ids of the turns that answer it."""

    text: str
    evidence: frozenset[str]
    category: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turns` are ids and texts in order."""

    name: str
    turns: tuple[tuple[str, str], ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`boundaries` are the places of turns that open a new topic."""

    turns: tuple[str, ...]
    boundaries: frozenset[int]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One file; it has conversations or dialogues."""

    name: str
    conversations: tuple[Conversation, ...] = ()
    dialogues: tuple[Dialogue, ...] = ()

    @property
    def texts(self) -> Iterator[str]:
        """Every turn and question."""
        for conversation in self.conversations:
            yield from (text for _, text in conversation.turns)
            yield from (question.text for question in conversation.questions)
        for dialogue in self.dialogues:
            yield from dialogue.turns


def read(path: Path) -> DataSet:
    """The data of a JSON file; ValueError if it is of neither kind."""
    items = orjson.loads(path.read_bytes())
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        raise ValueError(f"{path} holds no list of conversations or dialogues")
    if "questions" in items[0]:
        return DataSet(path.stem, conversations=tuple(map(_conversation, items)))
    if "boundaries" in items[0]:
        return DataSet(
            path.stem, dialogues=tuple(d for d in map(_dialogue, items) if d is not None)
        )
    raise ValueError(f"{path} has neither questions nor boundaries")


def _conversation(item: dict[str, Any]) -> Conversation:
    return Conversation(
        name=str(item["id"]),
        turns=tuple((turn["id"], turn["text"]) for turn in item["turns"]),
        questions=tuple(
            Question(each["question"], frozenset(each["evidence"]), each["category"])
            for each in item["questions"]
        ),
    )


def _dialogue(item: dict[str, Any]) -> Dialogue | None:
    """None for one of a single turn, which has no boundary."""
    if len(item["turns"]) < 2:
        return None
    return Dialogue(tuple(text or "…" for text in item["turns"]), frozenset(item["boundaries"]))
