"""Promise 16: whatever fits or breaks the OpenAPI document is answered as it says."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import Claims, sign
from tests.servers import serving

ROOT = Path(__file__).parents[2]
EXAMPLES = 100 if os.environ.get("CI") == "true" else 10
"""Of each operation, in each of the phases that make them up."""
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "422"]

[[operations]]
include-operation-id = "import_session"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "422"]
"""


@pytest.fixture
def licence(tmp_path: Path) -> tuple[Path, str]:
    """A public key, and a token that it checks."""
    private, public = write_key_pair(tmp_path / "keys")
    claims = Claims(sub="fuzz", tier="enterprise", iat=0, exp=4e9)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    return public, sign(claims, private_key(private))


@pytest.mark.timeout(900)
async def test_promise_16_what_the_document_says_holds(
    sqlite_url: str, tmp_path: Path, licence: tuple[Path, str]
) -> None:
    public, token = licence
    local = {"SEMVEC_LICENSE_PUBLIC_KEY": str(public), "SEMVEC_EMBEDDER": "local"}
    async with serving(sqlite_url, tmp_path, **local) as server, server.client(token) as client:
        document = (await client.get("/openapi.json")).json()
        report = await fuzz(server.url, token, tmp_path)
        assert (await client.get("/v1/readyz")).status == 200
        assert "Traceback" not in server.log.read_text()
    del document["paths"]["/openapi.json"]  # where it reads what it tests, and so leaves it alone
    operations = sum(len(methods) for methods in document["paths"].values())
    assert report["operations"]["tested"] == operations
    phases = {name for name, phase in report["phases"].items() if phase["status"] == "success"}
    assert phases == {"coverage", "fuzzing", "stateful"}
    assert report["failures"] == report["errors"] == []


async def fuzz(url: str, token: str, folder: Path) -> Any:
    """Every check in every phase, stateful links included."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
        *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *("--header", f"X-API-Key: {token}"),
        *("--checks", "all", "--mode", "all", "--max-examples", str(EXAMPLES)),
        *("--continue-on-failure", "--no-color", "--generation-database", "none"),
        *("--report", "json", "--report-json-path", "report.json"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.api.property_checks", "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return json.loads((folder / "report.json").read_text())
