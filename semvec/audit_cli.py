"""`semvec audit`: verify the audit log of a database without its server."""

import asyncio
import sys
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from semvec.errors import SemvecError
from semvec.progress import Progress
from semvec.settings import load_settings
from semvec.urls.database import SqliteUrl, read_database_url

if TYPE_CHECKING:
    from semvec.audit import ChainReport

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"


def add_audit_commands(commands: Commands) -> None:
    audit = commands.add_parser("audit", help="the audit log").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = audit.add_parser(
        "verify",
        help="check that no row of the audit log was changed, moved or taken away",
        description="Checks the database in DATABASE_URL, also while servers use it. The exit "
        "status is 1 where something is wrong. The last line of each chain, kept elsewhere, lets a "
        "later run find rows that were cut off at an end.",
    )
    verify.add_argument(
        "--end",
        dest="ends",
        action="append",
        default=[],
        metavar="CHAIN:ROW:HASH",
        help="an end of a chain as an earlier run printed it; more than one may be given",
    )
    verify.set_defaults(command=_verify)


def _verify(ends: list[str]) -> int:
    """Verify and print. Raise ValueError for an invalid end, OSError if the database cannot be
    read."""
    with Progress("audit verify", sys.stderr) as progress:
        progress.stage("reading the audit log")
        # Imported here, as the store is slow to import.
        from semvec.audit.verify import printed

        report = asyncio.run(_verified(load_settings().database_url, ends))
    for fault in report.faults:
        print(fault)
    for end in report.ends:
        print(f"end {printed(end)}")
    state = "intact" if report.intact else f"{len(report.faults)} faults"
    print(f"{report.rows} rows in {len(report.ends)} chains: {state}")
    return 0 if report.intact else 1


async def _verified(database_url: str, ends: list[str]) -> "ChainReport":
    from semvec.audit import AuditLog
    from semvec.audit.verify import link_of
    from semvec.store import Store

    url = read_database_url(database_url)
    if isinstance(url, SqliteUrl) and not await asyncio.to_thread(Path(url.path).is_file):
        raise FileNotFoundError(f"there is no database {url.path}")
    store = Store(database_url)
    try:
        return await AuditLog(store).verify(map(link_of, ends))
    except SemvecError as error:
        raise OSError(error.detail) from error
    finally:
        await store.engine.dispose()
