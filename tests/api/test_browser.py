"""The pages for people, in a real browser."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.browser import Tab, browsing
from tests.servers import serving

AUTHORIZE = """
(async () => {
  const wait = () => new Promise((done) => setTimeout(done, 300));
  document.querySelector(".btn.authorize").click();
  await wait();
  const field = document.querySelector("#api_key_value");
  const type = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  type.call(field, "TOKEN");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.closest("form").querySelector("button[type=submit]").click();
  await wait();
  document.querySelector(".btn-done").click();
})()
"""
OPERATION = "#operations-sessions-list_sessions"
SHOWN = f"{OPERATION} .live-responses-table .response-col_status:not(.col_header)"
STATUS = f"document.querySelector('{SHOWN}')?.innerText"


@dataclass(frozen=True, slots=True)
class Licence:
    token: str
    public_key: str


@pytest.fixture
def licence(tmp_path: Path) -> Licence:
    private, public = write_key_pair(tmp_path / "keys")
    now = int(time.time())
    claims = TokenClaims(sub="acme", tier="community", iat=now, exp=now + 600)
    return Licence(sign(claims, private_key(private)), str(public))


@asynccontextmanager
async def visiting(
    page: str, licence: Licence, database_url: str, folder: Path
) -> AsyncIterator[Tab]:
    """A page of a server with its usual limits, and a visitor with a token."""
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": licence.public_key, "SEMVEC_RATE_LIMIT": "on"}
    async with (
        serving(database_url, folder, **variables) as server,
        browsing(folder / "profile", licence.token) as tab,
    ):
        await tab.open(f"{server.url.rstrip('/')}{page}")
        yield tab
        assert tab.asked == 1
        own = (server.url, "data:", f"blob:{server.url}")
        assert [url for url in tab.requested if not url.startswith(own)] == []


async def test_redoc_shows_the_document(sqlite_url: str, tmp_path: Path, licence: Licence) -> None:
    async with visiting("/redoc", licence, sqlite_url, tmp_path) as tab:
        await tab.wait_for("document.body?.innerText.includes('/v1/state/context')")
        assert tab.complaints == []


async def test_swagger_ui_shows_the_document_and_tries_it_out(
    sqlite_url: str, tmp_path: Path, licence: Licence
) -> None:
    async with visiting("/docs", licence, sqlite_url, tmp_path) as tab:
        await tab.wait_for("document.body?.innerText.includes('/v1/state/context')")
        assert tab.complaints == []
        for step in (".opblock-summary-control", ".try-out__btn", ".execute"):
            await tab.wait_for(f"document.querySelector('{OPERATION} {step}') !== null")
            await tab.evaluate(f"document.querySelector('{OPERATION} {step}').click()")
        await tab.wait_for(f"{STATUS}?.startsWith('401')")
        await tab.evaluate(AUTHORIZE.replace("TOKEN", licence.token))
        await tab.evaluate(f"document.querySelector('{OPERATION} .execute').click()")
        await tab.wait_for(f"{STATUS}?.startsWith('200')")
