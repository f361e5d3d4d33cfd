import html
import json
from urllib.parse import quote, quote_plus

import pytest

from semvec.embed.excerpt import LONGEST, excerpt

TEXT = "Maria Gómez owes 4,200 € to 'Harbour & Sons', IBAN DE89-3704"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": {"message": "model not found"}}', "model not found"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        (b'{"error": "Model \\"x\\"\\n is\\tnot loaded"}', 'Model "x" is not loaded'),
        (b"<html><h1>502 Bad Gateway</h1></html>", "<html><h1>502 Bad Gateway</h1></html>"),
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
    assert excerpt(body, ["sk-abcdefuvwxyz"]) == "Incorrect API key provided: sk-…***…."


def test_it_is_short() -> None:
    assert len(excerpt(b'{"error": "' + b"no " * 5000 + b'"}', [])) <= LONGEST
