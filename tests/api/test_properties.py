"""Promise 16: whatever fits or breaks the OpenAPI document is answered as it says."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.servers import serving

ROOT = Path(__file__).parents[2]
EXAMPLES = 100 if os.environ.get("CI") == "true" else 10
"""Of each operation, in each of the phases that make them up."""
OPERATOR = {"METRICS_USER": "prometheus", "METRICS_PASSWORD": "operator's"}
CONFIG = """
[auth.openapi.bearer]
bearer = "{token}"

[auth.openapi.apiKey]
api_key = "{token}"

[auth.openapi.operator]
username = "{METRICS_USER}"
password = "{METRICS_PASSWORD}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "422"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "409", "413", "415", "422", "431"]

"""
MALFORMED = """
[[operations]]
include-operation-id = "{operation}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "422"]
"""
"""Where a request may fit the document and be malformed: exports, and cursors, which no pattern
tells from those that the server gave. Of cursors, `property_checks` looks at the reason."""


@pytest.fixture
def licence(tmp_path: Path) -> tuple[Path, str]:
    """A public key, and a token that it checks."""
    private, public = write_key_pair(tmp_path / "keys")
    claims = TokenClaims(sub="fuzz", tier="enterprise", iat=0, exp=4e9)
    token = sign(claims, private_key(private))
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(token=token, **OPERATOR))
    return public, token


@pytest.mark.timeout(900)
async def test_promise_16_what_the_document_says_holds(
    sqlite_url: str, tmp_path: Path, licence: tuple[Path, str]
) -> None:
    public, token = licence
    local = {"SEMVEC_LICENSE_PUBLIC_KEY": str(public), "SEMVEC_EMBEDDER": "local"} | OPERATOR
    async with serving(sqlite_url, tmp_path, **local) as server, server.client(token) as client:
        document = (await client.get("/openapi.json")).json()
        endless = {
            operation["operationId"]
            for operation in operations(document)
            if "text/event-stream" in operation["responses"].get("200", {}).get("content", ())
        }
        allow_malformed(tmp_path / "schemathesis.toml", document)
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        report = await fuzz(server.url, tmp_path, endless)
        assert (await client.get("/v1/readyz")).status == 200
        assert "Traceback" not in server.log.read_text()
    assert report["operations"]["tested"] == len([*operations(document)]) - len(endless)
    phases = {name for name, phase in report["phases"].items() if phase["status"] == "success"}
    assert phases == {"coverage", "examples", "fuzzing", "stateful"}
    assert report["failures"] == report["errors"] == []


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def allow_malformed(config: Path, document: dict[str, Any]) -> None:
    paged = {
        operation["operationId"]
        for operation in operations(document)
        if any(each["name"] == "cursor" for each in operation.get("parameters", ()))
    }
    assert len(paged) >= 7
    with config.open("a") as file:
        file.writelines(MALFORMED.format(operation=each) for each in sorted(paged))
        file.write(MALFORMED.format(operation="import_session"))


async def fuzz(url: str, folder: Path, left_out: Iterable[str]) -> Any:
    """Every check in every phase, stateful links included."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
        *("run", "openapi.json", "--url", url),
        *(f"--exclude-operation-id={each}" for each in left_out),
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
