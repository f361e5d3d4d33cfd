"""The CUDA sources, and what is compiled of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "cuda"
ROW_TYPES = {"int8": "signed char", "float16": "Half", "float32": "float"}
INCLUDE = re.compile(r"^#include <(\w+\.cuh)>$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """A file, its kernels, and whether it is compiled for each type of rows, by the macro ROW."""

    path: Path
    kernels: tuple[str, ...]
    typed: bool = False


SOURCES = (
    Source(FOLDER / "cosine.cu", ("cosines",), typed=True),
    Source(FOLDER / "fixed.cu", ("fixed",)),
    Source(FOLDER / "heads.cu", ("heads_32", "heads_64")),
    Source(FOLDER / "match.cu", ("match_top",)),
    Source(FOLDER / "merge.cu", ("merge",)),
    Source(FOLDER / "rows.cu", ("write_rows",)),
    Source(FOLDER / "states.cu", ("embedded", "gelu", "pooled", "residual", "units")),
    Source(FOLDER / "ward.cu", ("clustered",)),
)


def variants(sources: Iterable[Source] = SOURCES) -> Iterator[tuple[Source, str | None]]:
    """Each source with each type of rows that it is compiled for."""
    for source in sources:
        yield from ((source, rows) for rows in (ROW_TYPES if source.typed else (None,)))


def flattened(source: Source, rows: str | None, hardware: Path = FOLDER) -> str:
    """A source with its headers in it, for one type of rows; `hardware` has hardware.cuh.

    In one piece, because CuPy keeps what it has compiled by the text of the source alone.
    """
    seen: set[str] = set()

    def with_headers(path: Path) -> str:
        def header(found: re.Match[str]) -> str:
            name = found[1]
            if name in seen:
                return ""
            seen.add(name)
            return with_headers((hardware if name == "hardware.cuh" else FOLDER) / name)

        return INCLUDE.sub(header, path.read_text())

    definition = f"#define ROW {ROW_TYPES[rows]}\n" if rows else ""
    return definition + with_headers(source.path).replace("#pragma once\n", "")
