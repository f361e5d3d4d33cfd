import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import semvec


def test_a_change_of_source_starts_the_server_anew(tmp_path: Path) -> None:
    package = tmp_path / "semvec"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(semvec.__file__).parent, package, ignore=skip, copy_function=os.symlink)
    env = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'semvec.db'}",
        "SEMVEC_EMBEDDER": "none",
        "SEMVEC_ALLOW_ANONYMOUS": "1",
    }
    command = [sys.executable, "-m", "semvec", "serve", "--reload", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("semvec 1.")
            source = package / "__init__.py"
            source.unlink()
            source.write_text('__version__ = "2.0.0"\n')
            assert process.stdout.readline().startswith("semvec 2.0.0 listening on ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        except BaseException:
            process.terminate()
            raise
