"""Migrate a database of any earlier release to the schema of this one."""

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from semvec.store.errors import StoreError

ADVISORY_LOCK = 0x73656D766563
"""The bytes of "semvec": servers that start together on one PostgreSQL migrate one after
another."""


@dataclass(frozen=True, slots=True)
class Migrations:
    scripts: ScriptDirectory
    known: frozenset[str]


def read() -> Migrations:
    """Import all migrations; blocking, so that `upgrade` on the event loop does not block."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    return Migrations(scripts, frozenset(each.revision for each in scripts.walk_revisions()))


def upgrade(connection: Connection, migrations: Migrations, revision: str = "head") -> None:
    """Apply missing migrations in the open transaction. Raise StoreError for a newer database."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": ADVISORY_LOCK})
    current = MigrationContext.configure(connection).get_current_heads()
    if not migrations.known.issuperset(current):
        raise StoreError(
            f"the database was written by a newer semvec (its schema is {', '.join(current)}, this "
            f"release knows up to {max(migrations.known)}): install that release, or restore an "
            "older backup"
        )
    scripts = migrations.scripts
    with EnvironmentContext(
        Config(), scripts, fn=lambda there, _: scripts._upgrade_revs(revision, there)
    ) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
