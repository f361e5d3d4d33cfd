"""What importing the package does."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "kept"), [(None, "1"), ("3", "3")])
def test_products_stay_on_one_thread_unless_told_otherwise(given: str | None, kept: str) -> None:
    environment = {name: value for name, value in os.environ.items() if "OPENBLAS" not in name}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    code = "import os, semvec; print(os.environ['OPENBLAS_NUM_THREADS'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept
