"""The CUDA sources, and what is compiled of them."""

import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "cuda"
KERNELS: dict[str, tuple[str, ...]] = {
    "attention": ("attention",),
    "cosine": ("cosine_top", "cosines"),
    "fixed": ("fixed",),
    "heads": ("heads_32", "heads_64"),
    "match": ("match_top",),
    "maxima": ("maxima",),
    "maxsim": ("maxsim_top",),
    "means": ("means",),
    "merge": ("merge",),
    "pairs": ("pairs",),
    "rows": ("dequantise", "normalised", "quantise", "unit_scales", "write_rows"),
    "states": ("embedded", "gelu", "pooled", "residual", "units"),
    "ward": ("clustered",),
}
"""The kernels in each source."""
ROW_TYPES = {"int8": "signed char", "float16": "Half", "float32": "float"}
TYPED = {"attention", "cosine", "means"}
"""Sources that are compiled for each type of rows, by the macro ROW."""
INCLUDE = re.compile(r"^#include <(\w+\.cuh)>$", re.MULTILINE)


def variants() -> Iterator[tuple[str, str | None]]:
    """Each source with each type of rows that it is compiled for."""
    for source in KERNELS:
        yield from ((source, rows) for rows in (ROW_TYPES if source in TYPED else (None,)))


def flattened(source: str, rows: str | None, hardware: Path = FOLDER) -> str:
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
    return definition + with_headers(FOLDER / f"{source}.cu").replace("#pragma once\n", "")
