"""Cues in the words of an input for a change of subject, beside its vector.

Language marks its own structure: a pronoun refers back, an answer belongs to its question, thanks
end a subject and do not open one (cue phrases and reference as in Passonneau and Litman 1997). The
lists are English; other languages have only stems and question marks.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from semvec.words import listed, terms, words

Stems = npt.NDArray[np.uint32]

HEARD = 256
"""Distinct stems kept of a text and of a session."""
STEMMED = 4096
"""Characters at a text's end that stems are taken from: about as many as HEARD stems need."""
ENDING = 400
"""Characters at a text's end that the other cues are taken from: some 70 words."""

QUESTION_MARKS = "?？؟"
REFERRING = listed(
    "it its that this those these they them their there he she him her his hers one ones same such"
)
CLOSING_WORDS = listed("thank thanks welcome else bye goodbye")


@dataclass(frozen=True, slots=True, eq=False)
class Cues:
    """The cues of a text. `stems` are checksums of its distinct terms, at most HEARD, in order;
    `referring` is the share of words that refer back. `asks`: it has a question mark; `questions`:
    that is the last character, and nothing closes. `closes`: thanks, a farewell, or an offer of
    anything else."""

    stems: Stems
    wordless: bool = False
    referring: float = 0.0
    asks: bool = False
    questions: bool = False
    closes: bool = False


WORDLESS = Cues(np.zeros(0, np.uint32), wordless=True)


def cues(text: str) -> Cues:
    """Return the cues of a text. Only the end of a long text counts; one without words gives
    WORDLESS."""
    text = text.rstrip()
    ending = text[-ENDING:]
    said = words(ending)
    if not said:
        return WORDLESS
    closes = not CLOSING_WORDS.isdisjoint(said)
    return Cues(
        stems=_stems(text[-STEMMED:]),
        referring=sum(word in REFERRING for word in said) / len(said),
        asks=any(mark in ending for mark in QUESTION_MARKS),
        questions=ending.endswith(tuple(QUESTION_MARKS)) and not closes,
        closes=closes,
    )


def _stems(text: str) -> Stems:
    distinct = list(dict.fromkeys(terms(text)))[-HEARD:]
    return np.array([crc32(stem.encode()) for stem in distinct], np.uint32)
