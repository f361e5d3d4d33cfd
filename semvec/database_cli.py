"""`semvec database`: check a whole database without its server."""

import asyncio
import json
from argparse import ArgumentParser, _SubParsersAction
from typing import TYPE_CHECKING, TypeAlias

from semvec.settings import load_settings

if TYPE_CHECKING:
    from semvec.inspection import DatabaseReport, Fault

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"


def add_database_commands(commands: Commands) -> None:
    database = commands.add_parser("database", help="a whole database").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = database.add_parser(
        "check",
        help="find sessions that cannot be read, or are not what they have to be",
        description="Reads all of a database, also while servers use it, and changes nothing: the "
        "file of SQLite and its indexes, the schema, and the head, journal, snapshot and memories "
        "of each session. The exit status is 1 where something is wrong.",
    )
    check.add_argument(
        "url", metavar="URL", nargs="?", help="the database (default: that of DATABASE_URL)"
    )
    check.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")
    check.set_defaults(command=_check)


def _check(url: str | None, as_json: bool) -> int:
    """Check and print. Raise ValueError if there is no database to check."""
    # Imported here, as the store is slow to import.
    from semvec.inspection import check_database
    from semvec.store import StoreError

    try:
        report = asyncio.run(check_database(url or load_settings().database_url))
    except StoreError as error:
        raise ValueError(f"cannot check the database: {error}") from error
    print(_json(report) if as_json else _text(report))
    return 1 if report.faults else 0


def _text(report: "DatabaseReport") -> str:
    state = f"{len(report.faults)} faults" if report.faults else "intact"
    counts = f"{report.sessions} sessions, {report.memories} memories: {state}"
    return "\n".join([*map(str, report.faults), counts])


def _json(report: "DatabaseReport") -> str:
    return json.dumps(
        {
            "intact": not report.faults,
            "sessions": report.sessions,
            "memories": report.memories,
            "faults": [_fields(fault) for fault in report.faults],
        },
        indent=2,
    )


def _fields(fault: "Fault") -> dict[str, object]:
    if (named := fault.session) is None:
        return {"fault": fault.fault}
    return {
        "key": named.key,
        "owner": named.owner,
        "session_id": named.session_id,
        "fault": fault.fault,
    }
