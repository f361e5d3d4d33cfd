"""The files of docs/deploy say what is true, as far as this machine has what reads them."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from aiohttp.test_utils import unused_port

from semvec.settings import declarations
from semvec.web.routes import ENDPOINTS
from tests.servers import Client, Refused, serving
from tests.web.test_tls import Files

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted((DOCS / "deploy").iterdir())
NAMES = {setting.name for setting in declarations()}


@pytest.mark.parametrize("file", [*FILES, DOCS / "deploy.md"], ids=lambda file: file.name)
def test_every_setting_flag_and_path_that_is_named_exists(file: Path) -> None:
    text = file.read_text()
    variables = set(re.findall(r"\b(?:SEMVEC_[A-Z_]+|DATABASE_URL|CORS_ORIGINS)\b", text))
    assert variables <= NAMES
    for serve in re.findall(r"semvec serve .*|args: \[serve.*", text):
        assert set(re.findall(r"--[a-z-]+", serve)) <= NAMES
    patterns = [re.sub(r"{\w+}", "[^/]+", one.path) for one in ENDPOINTS]
    for path in re.findall(r"/v1/[a-z]+\b(?!/)", text):
        assert any(re.fullmatch(pattern, path) for pattern in patterns), path


def test_the_pages_name_every_file() -> None:
    page = (DOCS / "deploy.md").read_text()
    assert {file.name for file in FILES} == set(re.findall(r"\(deploy/([\w.]+)\)", page))


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze")
    unit = tmp_path / "semvec.service"
    text = (DOCS / "deploy" / "semvec.service").read_text()
    unit.write_text(text.replace("/opt/semvec/bin/semvec", shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_server_lives_with_what_the_unit_denies(tmp_path: Path) -> None:
    strace, analyze = shutil.which("strace"), shutil.which("systemd-analyze")
    if strace is None or analyze is None:
        pytest.skip("no strace, or no systemd-analyze")
    unit = (DOCS / "deploy" / "semvec.service").read_text()
    groups = " ".join(re.findall(r"^SystemCallFilter=~(.*)", unit, re.MULTILINE)).split()
    told = subprocess.run([analyze, "syscall-filter", *groups], check=True, capture_output=True)
    calls = ",".join(f"?{name}" for name in re.findall(r"^    (\w+)", told.stdout.decode(), re.M))
    number = re.search(r"^SystemCallErrorNumber=(\w+)", unit, re.MULTILINE)
    meets = f"error={number[1]}" if number else "signal=SIGSYS"
    trace = tmp_path / "trace"
    tracing = [strace, "-f", "-o", str(trace), "-e", f"inject={calls}:{meets}"]
    multiplying = "import semvec.web, numpy; numpy.ones((600, 600)) @ numpy.ones((600, 600))"
    subprocess.run([*tracing, sys.executable, "-c", multiplying], check=True)
    assert "INJECTED" in trace.read_text()


def test_kubernetes_gets_time_probes_and_no_root() -> None:
    deployment, *rest = yaml.safe_load_all((DOCS / "deploy" / "kubernetes.yaml").read_text())
    assert {each["kind"] for each in rest} == {"Service", "PodDisruptionBudget", "NetworkPolicy"}
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    given = {each["name"]: each.get("value") for each in container["env"]}
    assert pod["terminationGracePeriodSeconds"] > float(given["SEMVEC_DRAIN_DELAY_S"]) + 10
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("readiness", "liveness")
    }
    assert probes == {"readiness": "/v1/readyz", "liveness": "/v1/livez"}
    assert pod["securityContext"]["runAsNonRoot"]


def test_envoy_believes_no_client() -> None:
    config = yaml.safe_load((DOCS / "deploy" / "envoy.yaml").read_text())
    (listener,) = config["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    manager: dict[str, Any] = chain["filters"][0]["typed_config"]
    assert manager["use_remote_address"]
    assert manager["xff_num_trusted_hops"] == 0


@contextmanager
def nginx(folder: Path, upstream: str, port: int) -> Iterator[None]:
    """With the configuration of the docs, but for addresses and files."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("no nginx")
    Files(folder).write("proxy")
    text = (DOCS / "deploy" / "nginx.conf").read_text()
    for ours, theirs in {
        "127.0.0.1:8080": upstream,
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/semvec/tls": str(folder),
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{text}}}\n"
    )
    command = [program, "-c", str(config), "-p", str(folder)]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


async def test_behind_nginx_a_client_is_who_it_is_and_all_that_is_allowed_passes(
    sqlite_url: str, tmp_path: Path
) -> None:
    limited = {"SEMVEC_RATE_LIMIT": "on", "SEMVEC_LIMIT_IP": "0.001/12"}
    port = unused_port()
    async with serving(sqlite_url, tmp_path, **limited) as server:
        proxy = tmp_path / "nginx"
        await asyncio.to_thread(proxy.mkdir)
        with nginx(proxy, server.url.removeprefix("http://"), port):
            async with asyncio.timeout(10):
                statuses = [await spoofed(f"https://127.0.0.1:{port}", n) for n in range(14)]
            assert statuses == [404] * 12 + [429] * 2
            async with server.client(**{"X-Forwarded-For": "198.51.100.9"}) as client:
                made = await client.post("/v1/session/create", session_id="s", dimension=2)
                assert made.status == 200


async def spoofed(url: str, number: int) -> int:
    """What nginx, once it is there, answers to a long question of who claims to be another; a head
    may take 64 KiB."""
    claimed = f"203.0.113.{number}"
    async with Client(url, **{"X-Forwarded-For": claimed, "X-Real-IP": claimed}) as client:
        while True:
            with suppress(Refused):
                path = f"/v1/state/context?session_id=x&q={'%F0%9F%A6%8A' * 5000}"
                return (await client.get(path)).status
