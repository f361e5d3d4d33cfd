"""Sessions, their journal, snapshots and archive."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            primary_key=True,
        ),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("snapshot_seq", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_used_at", sa.Double, nullable=False),
        sa.Column("interaction_count", sa.BigInteger, nullable=False),
        sa.Column("total_memories", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("sessions_by_id", "sessions", ["owner", "session_id"], unique=True)
    op.create_index("sessions_by_owner", "sessions", ["owner", "key"])
    op.create_table(
        "events",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    _create_memories()


def _create_memories() -> None:
    op.create_table(
        "memories",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("fold", sa.LargeBinary, nullable=False),
        sa.Column("archived_seq", sa.BigInteger),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    in_archive = sa.text("archived_seq IS NOT NULL")
    for name in ("hash", "fold"):
        op.create_index(
            f"archived_by_{name}",
            "memories",
            ["key", name, "id"],
            sqlite_where=in_archive,
            postgresql_where=in_archive,
        )
    op.create_index("memories_by_archival", "memories", ["key", "archived_seq"])
    op.create_table(
        "archive_terms",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("term", sa.Text, primary_key=True),
        sa.Column("memory_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("archive_terms_by_memory", "archive_terms", ["key", "memory_id"])
