"""The form of a question: what is asked for, in which tense and voice, and of whom."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from semvec.session.contrast import MEASURES, PERSONS, QUESTIONS
from semvec.words import listed

ASIDE = re.compile(
    r"""^\W{0,9}(?:(?:hi|hello|hey|ok|okay|so|well|sorry|excuse\ me)\b[\s,!.]*)*
    (?:please\s+)?
    (?:(?:can|could|would|will)\s+you\s+(?:please\s+|kindly\s+)?
        (?:(?:tell|show|give|remind|explain\ to)\s+(?:me|us)|explain|describe)
    | (?:please\s+)?(?:tell|show|give|remind)\s+(?:me|us)
    | (?:do|does)\s+you\s+(?:happen\s+to\s+)?(?:know|remember|recall)
    | (?:can|could|would|will)\s+you\s+(?:please|kindly)
    | i(?:\s+would|'d)?\s+(?:want|need|like)\s+to\s+know
    | i\s*(?:am|was|'m)?\s*wondering
    | let\s+me\s+know)\b""",
    re.IGNORECASE | re.VERBOSE,
)
OPENING = 120
"""Characters that this is looked for in."""
POLITE_CLOSINGS = 40
"""Characters of the end that thanks are looked for in."""
GREETING = re.compile(
    r"^(?:\W{0,9}\b(?:hello|hey|hi|please|thanks|thank\ you|thx|okay|ok|oh|sorry)\b(?!'))+[\s,!.]*",
    re.IGNORECASE,
)
AFTERWARDS = re.compile(r"[\s,]*\b(?:please|thanks|thank you|thx)[\s.!?]*$", re.IGNORECASE)

NOT = re.compile(r"(?<=n)'t\b|(?<=\b(?:can))not\b", re.IGNORECASE)
BARE_NOT = re.compile(
    r"\b(do|does|did|is|are|was|were|could|would|should|has|have|had|wo|ca|must|need|ai)nt\b",
    re.IGNORECASE,
)
CONTRACTED = "is|are|was|were|do|does|did|has|have|had|could|would|should|must|need|ai"
MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
BOUND = r"[-+\u2212]?(?:\d[\w.]*|[a-z\u221e])"
SUBSTITUTES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), text)
    for pattern, text in (
        (rf"\b({CONTRACTED})n not\b", r"\1 not"),
        (r"\bca not\b", "can not"),
        (r"\bwon? not\b", "will not"),
        (r"\bshan? not\b", "shall not"),
        (r"\b(what|who|where|when|why|how|it|that|there|here|he|she)'s\b", r"\1 is"),
        (r"\b(\w+)'ll\b", r"\1 will"),
        (r"\b(\w+)'ve\b", r"\1 have"),
        (r"\b(what|who|where|when|why|how) (?:is|was) it that\b", r"\1"),
        (r"\bwhat time (?=(?:do|does|did|is|are|was|were|will)\b)", "when "),
        (r"\bwhat is the way to\b|\bhow to\b", "how do I"),
        (r"\bhow (?:can|could|do) (?:i|we|you|one)\b", "how do I"),
        (rf"\b((?:{MONTHS})\.? \d\d?)(?:st|nd|rd|th)\b", r"\1"),
        (rf"\b(\d\d?)(?:st|nd|rd|th)(?= (?:of )?(?:{MONTHS})\b)", r"\1"),
        (rf"(?<!\w)\[ ?({BOUND}) ?[,;] ?({BOUND}) ?\]", " \u2a7d \1 \2 \u2a7d "),
        (rf"(?<!\w)\[ ?({BOUND}) ?[,;] ?({BOUND}) ?\)", " \u2a7d \1 \2 < "),
        (rf"(?<!\w)\( ?({BOUND}) ?[,;] ?({BOUND}) ?\]", " < \1 \2 \u2a7d "),
        (r"(?<=\d) ?\"(?!\w)", "\u2033"),
        (r"(?<=\d) ?'(?!\w)", "\u2032"),
    )
)
"""Other ways to write the same, each with the one that is compared."""
IN_QUOTES = re.compile(r"""(?<!\w)(["'])((?:(?!\1).)*)\1(?!\w)""")
AUXILIARY = re.compile(
    r"\W*(?:is|are|am|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may"
    r"|might|must)\b",
    re.IGNORECASE,
)
WHAT = re.compile(r"\b(?:what|which)\b", re.IGNORECASE)
TENSES = {
    "past": listed("did was were had"),
    "present": listed("do does is are am has have"),
    "future": listed("will would shall"),
}
BE = listed("am is are was were be been being get gets got getting")
PARTICIPLE = re.compile(
    r"\b(?:\w{2,}ed|paid|sold|told|made|sent|built|taught|bought|caught|found|heard|held|kept|left"
    r"|lent|lost|met|said|seen|shot|won|given|taken|written|known|driven|eaten|beaten|chosen|hit"
    r"|hurt|cut|put|read|led|fed|hidden|bitten|stolen|done|called)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Form:
    """What words in the same order leave open."""

    asked: frozenset[str]
    """A time, a place, a person, a reason, a way, a measure."""
    what: bool
    """Whether it asks for a thing."""
    polar: bool
    """Whether the answer is yes or no."""
    tenses: frozenset[str]
    passive: bool
    persons: tuple[str, ...]
    """Who is spoken of by a pronoun, in order of mention."""

    @classmethod
    def of(cls, text: str) -> "Form":
        found = re.findall(r"\w+", text.casefold())
        return cls(
            asked=_asked(found),
            what=WHAT.search(text) is not None,
            polar=AUXILIARY.match(text) is not None,
            tenses=frozenset(name for name, verbs in TENSES.items() if not verbs.isdisjoint(found)),
            passive=not BE.isdisjoint(found) and PARTICIPLE.search(text) is not None,
            persons=_persons(text),
        )

    def parts_from(self, other: "Form") -> bool:
        """Whether the same words in both forms are two questions."""
        if (self.asked, self.passive, self.persons) != (other.asked, other.passive, other.persons):
            return True
        if self.tenses and other.tenses and self.tenses.isdisjoint(other.tenses):
            return True
        return self.polar != other.polar and self.what != other.what


def without_politeness(text: str) -> str:
    """The text without greetings, thanks and what asks to be told, at both ends."""
    asked = GREETING.sub("", ASIDE.sub("", text[:OPENING])) + text[OPENING:]
    return asked[:-POLITE_CLOSINGS] + AFTERWARDS.sub("", asked[-POLITE_CLOSINGS:])


def in_full(text: str) -> str:
    """Contractions written out, and one spelling of what has several."""
    whole = BARE_NOT.sub(r"\1 not", NOT.sub(" not", text))
    whole = IN_QUOTES.sub(r"\2", whole)
    for pattern, replacement in SUBSTITUTES:
        whole = pattern.sub(replacement, whole)
    return whole.upper() if text.isupper() else whole


def _asked(found: list[str]) -> frozenset[str]:
    kinds = set()
    for word, after in zip(found, [*found, ""][1:], strict=True):
        if (kind := QUESTIONS.get(word)) is not None:
            kinds.add(f"{kind} {after}" if kind == "how" and after in MEASURES else kind)
    return frozenset(kinds)


def _persons(text: str) -> tuple[str, ...]:
    named: Iterable[str | None] = (
        PERSONS.get(word.lower()) for word in re.findall(r"[A-Za-z]+", text) if word != "US"
    )
    return tuple(dict.fromkeys(person for person in named if person is not None))
