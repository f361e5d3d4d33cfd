import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from semvec.embed.excerpt import LONGEST, excerpt

TEXT = "Maria Gómez owes 4,200 € to 'Harbour & Sons', IBAN DE89-3704"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": {"message": "model not found"}}', "model not found"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        (b'{"error": "Model \\"bge\\"\\n is\\tnot loaded"}', 'Model "bge" is not loaded'),
        (b'{"error": "at most 8192 tokens, 9001 given"}', "at most 8192 tokens, 9001 given"),
        (b"ModelNotFoundError: HTTP 507", "ModelNotFoundError: HTTP 507"),
        (b"<html><h1>502 Bad Gateway</h1></html>", "<html><…>502 Bad Gateway</…></html>"),
        (b"\xff\xfe", "??"),
        (b"", ""),
        (b"[" * 5000, "[" * LONGEST),
    ],
)
def test_the_message_is_found(body: bytes, shown: str) -> None:
    assert excerpt(body, []) == shown


@pytest.mark.parametrize(
    "echo",
    [
        TEXT,
        TEXT.upper(),
        repr(TEXT),
        json.dumps(TEXT),
        json.dumps(json.dumps(TEXT)),
        quote(TEXT),
        quote_plus(TEXT),
        html.escape(TEXT),
        TEXT[3:25],
        f"…{TEXT[10:]}",
    ],
)
def test_no_word_of_a_text_is_shown(echo: str) -> None:
    for body in (echo.encode(), json.dumps({"error": f"bad input: {echo}"}).encode()):
        shown = excerpt(body, ["key-1234567", TEXT]).casefold()
        for word in (
            "maria",
            "ria",
            "mez",
            "owes",
            "200",
            "harbour",
            "sons",
            "iban",
            "de89",
            "3704",
        ):
            assert word not in shown


def test_no_part_of_a_key_is_shown() -> None:
    body = b'{"error": "Incorrect API key provided: sk-abc***xyz."}'
    assert excerpt(body, ["sk-abcdefuvwxyz"]) == "Incorrect API key provided: …-…***…."


def test_it_is_short() -> None:
    assert len(excerpt(b'{"error": "' + b"no " * 5000 + b'"}', [])) <= LONGEST


NUMBERS = (
    "call me at +49 30 12 34 56 78",
    "IBAN DE 89 37 04 00 44 05 32 01 30 00",
    "pin 0 4 7 1",
    "pin 0471",
    "J. R. R. Tolkien, b. 3 1 1892",
    "room b 7, floor 2",
    "\uff14\uff17\uff11\uff11 and \u0664\u0667",
    "is it on or of",
)


def spellings(text: str) -> list[str]:
    return [
        *(text, text.upper(), text.lower(), text.title(), text[2:-2]),
        *(text.replace(" ", ""), text.replace(" ", "-"), text.replace(" ", "_")),
        *(" ".join(text), text.replace(" ", "  \n"), json.dumps(text), repr(text), quote(text)),
        *(json.dumps(json.dumps(text)), "".join(f"\\u{ord(each):04x}" for each in text)),
        base64.b64encode(text.encode()).decode(),
    ]


@pytest.mark.parametrize("text", NUMBERS)
def test_no_number_and_no_initial_of_a_text_is_shown(text: str) -> None:
    for echo in spellings(text):
        for body in (echo.encode(), json.dumps({"error": echo}).encode()):
            assert not re.search("[A-Za-z0-9]", excerpt(body, ["key-1234567", text])), echo


def test_words_without_accents_are_hidden() -> None:
    assert excerpt(b"Jose M. Muller", ["Jos\u00e9 Mu\u0308ller"]) == "\u2026 \u2026. \u2026"


def test_a_number_inside_a_longer_one_is_hidden() -> None:
    assert excerpt(b"bad value 004930 12", ["+49 30 12"]) == "bad value \u2026 \u2026"


def test_what_is_not_readable_is_hidden() -> None:
    assert excerpt(b"bad TWFyaWE= 4d61726961", []) == "bad \u2026= \u2026"


def test_a_long_text_with_many_marks_is_read_in_linear_time() -> None:
    text = "e" + "\u0301\u0316" * 200_000 + " 0471"
    assert excerpt(b"bad pin 0471", [text]) == "bad pin \u2026"
