"""Every CUDA source compiles for the cards it is written for, and keeps to registers."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

from bench.nearest import COSINE_TOP
from semvec.kernels.sources import FOLDER, SOURCES, Source, flattened, variants


@pytest.mark.skipif(which("nvcc") is None, reason="no nvcc")
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize(("source", "rows"), list(variants((*SOURCES, COSINE_TOP))))
def test_a_source_compiles(
    tmp_path: Path, source: Source, rows: str | None, architecture: int
) -> None:
    (tmp_path / "source.cu").write_text(flattened(source, rows))
    command = f"nvcc -cubin -arch=sm_{architecture} -Werror all-warnings -Xptxas -v source.cu"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Compiling entry function") == len(source.kernels)
    assert done.stderr.count("0 bytes spill stores, 0 bytes spill loads") == len(source.kernels)


def test_every_source_is_listed() -> None:
    assert set(FOLDER.glob("*.cu")) == {source.path for source in SOURCES}


def test_headers_are_in_a_source_once() -> None:
    match = next(source for source in SOURCES if source.path.stem == "match")
    text = flattened(match, None)
    assert "#include" not in text
    assert text.count("struct Entry {") == text.count("inline int4 streamed") == 1
