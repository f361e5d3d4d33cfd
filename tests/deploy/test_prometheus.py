"""A real Prometheus scrapes a real server; rules and dashboard are asked of it."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.servers import Server, serving

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
RULES = DEPLOY / "semvec.rules.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
USER, PASSWORD = "prometheus", "only for the test"
WITHIN_S = 60
METRIC = re.compile(r"\b(?:semvec|process)_\w+|\bup\b")

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("promtool")),
        reason="no prometheus and promtool: apt-get install prometheus",
    ),
    pytest.mark.timeout(300),
]


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def filled_in(query: str) -> str:
    """As Grafana sends it with all servers chosen."""
    for name, value in (("$__rate_interval", "1m"), ("$job", "semvec"), ("$instance", ".*")):
        query = query.replace(name, value)
    assert "$" not in query
    return query


def test_rules_are_right() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


def test_the_configuration_is_right(tmp_path: Path) -> None:
    (tmp_path / "semvec.password").write_text(PASSWORD)
    given = (DEPLOY / "prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(given.replace("/etc/prometheus/", f"{tmp_path}/"))
    shutil.copy(RULES, tmp_path)
    done = subprocess.run(
        ["promtool", "check", "config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "runbook"} <= alert["annotations"].keys()
        assert alert["annotations"]["runbook"].endswith(".")


def test_the_dashboard_is_laid_out() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for panel in panels():
        assert panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@asynccontextmanager
async def scraping(server: Server, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with the rules, and a connection to it."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    [scrape] = config["scrape_configs"]
    scrape["basic_auth"] = {"username": USER, "password": PASSWORD}
    scrape["static_configs"] = [{"targets": [server.url.split("//")[1].rstrip("/")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = (folder / "prometheus.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
        stdout=log,
        stderr=log,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=10) as client:
            await ready(client)
            yield client
    finally:
        process.kill()
        await process.wait()
        log.close()


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                if (await client.get("/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def ask(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    said = (await client.get(f"/api/v1/{path}", params=parameters)).json()
    assert said["status"] == "success", said
    assert not said.get("warnings")
    return said["data"]


async def use(server: Server) -> None:
    """Some of everything that counts."""
    async with server.client() as client:
        for number in range(5):
            said = {"message": f"Hello {number}", "message_embedding": [1.0, float(number), 0.5]}
            assert (await client.post("/v1/run", session_id="s", **said)).status == 200
        assert (await client.get("/v1/nowhere")).status == 404


async def test_every_query_of_dashboard_and_rules_works(sqlite_url: str, tmp_path: Path) -> None:
    operator = {"METRICS_USER": USER, "METRICS_PASSWORD": PASSWORD}
    async with serving(sqlite_url, tmp_path, **operator) as server:
        async with server.client() as client:
            made = await client.post("/v1/session/create", session_id="s", dimension=3)
            assert made.status == 200
        await use(server)
        async with scraping(server, tmp_path) as prometheus:
            await until_scraped(server, prometheus)
            names = set(await ask(prometheus, "label/__name__/values"))
            for query in [*map(filled_in, queries()), *(alert["expr"] for alert in alerts())]:
                await ask(prometheus, "query", query=query)
                assert METRIC.findall(query)
                assert set(METRIC.findall(query)) <= names, query
            await check_panels_show_something(prometheus)
            await check_alerts(prometheus)
            await check_variables(prometheus)


async def until_scraped(server: Server, prometheus: httpx.AsyncClient) -> None:
    """Rates need two scrapes with something between them."""
    for _ in range(4):
        await use(server)
        await asyncio.sleep(1)
    async with asyncio.timeout(WITHIN_S):
        query = 'count_over_time(semvec_requests_total{endpoint="/v1/run"}[1m]) > 3'
        while True:
            if (await ask(prometheus, "query", query=query))["result"]:
                return
            await asyncio.sleep(0.5)


async def check_panels_show_something(prometheus: httpx.AsyncClient) -> None:
    for query in queries():
        found = (await ask(prometheus, "query", query=filled_in(query)))["result"]
        assert found, query


async def check_alerts(prometheus: httpx.AsyncClient) -> None:
    """All are evaluated without a fault, and a healthy server raises none."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            [group] = (await ask(prometheus, "rules"))["groups"]
            health = {rule["health"] for rule in group["rules"]}
            if "unknown" not in health:
                break
            await asyncio.sleep(0.5)
    assert len(group["rules"]) == len(alerts())
    assert health == {"ok"}
    raised = {rule["name"] for rule in group["rules"] if rule["state"] != "inactive"}
    assert not raised


async def check_variables(prometheus: httpx.AsyncClient) -> None:
    assert await ask(prometheus, "label/job/values") == ["semvec"]
    assert len(await ask(prometheus, "label/instance/values")) == 1
