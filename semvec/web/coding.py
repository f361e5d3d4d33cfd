"""Supported values of `Content-Encoding` (RFC 9110, section 8.4)."""

import zlib
from collections.abc import Iterator, Sequence

from semvec.errors import Malformed, UnsupportedCoding

ACCEPTED = ("gzip", "deflate")
ALIASES = {"x-gzip": "gzip"}
DECODED_PIECE = 64 * 1024
"""Bytes that one decompression step produces at most."""
COMPRESSED_PIECE = 4 * 1024
"""Bytes that are decompressed at once at most. What follows the end of a gzip member is copied for
the next one, and a member may have 20 bytes."""
GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def coding_of(header: str) -> str | None:
    """Return the coding that a `Content-Encoding` header names; None for an uncompressed body.

    Raise UnsupportedCoding for any other coding, and for more than one.
    """
    named = [name.strip().lower() for name in header.split(",")]
    codings = [ALIASES.get(name, name) for name in named if name not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in ACCEPTED:
        raise UnsupportedCoding(
            f"Content-Encoding may be {', '.join(ACCEPTED)} or identity, and one of them only"
        )
    return codings[0]


def check_transfer_coding(headers: Sequence[str]) -> None:
    """Raises Malformed for a `Transfer-Encoding` other than `chunked`, which is not undone here."""
    named = [name.strip().lower() for header in headers for name in header.split(",")]
    if named not in ([], ["chunked"]):
        raise Malformed(
            "Transfer-Encoding may be chunked and no other coding: use Content-Encoding"
        )


class Decoder:
    """Decompress a body in steps, and verify its checksum and end."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None

    def decoded(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data in pieces of bounded size and work; a piece may be empty.
        Raise Malformed."""
        for start in range(0, len(data), COMPRESSED_PIECE):
            yield from self._steps(data[start : start + COMPRESSED_PIECE])

    def _steps(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._stream is not None and self._stream.eof and self._coding != "gzip":
                    raise Malformed("the body goes on behind its deflate data")
                if self._stream is None or self._stream.eof:
                    self._stream = zlib.decompressobj(self._format(data))
                yield self._stream.decompress(data, DECODED_PIECE)
                data = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error as error:
            reason = str(error).partition(": ")[2] or str(error)
            raise Malformed(f"the body is not valid {self._coding}: {reason}") from None

    def finish(self) -> None:
        """Raise Malformed if the compressed data is incomplete."""
        if self._stream is not None and not self._stream.eof:
            raise Malformed(f"the body ends before its {self._coding} data does")

    def _format(self, data: bytes) -> int:
        """Choose the zlib format. Some clients send raw deflate data without the zlib header that
        the RFC requires."""
        if self._coding == "gzip":
            return GZIP
        return ZLIB if data[0] & 0x0F == zlib.DEFLATED else RAW
