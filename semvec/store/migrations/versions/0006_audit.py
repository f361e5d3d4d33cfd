"""The audit log, and answers to requests with an idempotency key."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_chains",
        sa.Column("id", serial, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("pruned_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pruned_hash", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_log",
        sa.Column("id", serial, sa.Identity(always=True), primary_key=True),
        sa.Column("chain", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("client_ip", sa.Text),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("audit_by_subject", "audit_log", ["subject", "id"])
    op.create_table(
        "repeats",
        sa.Column("scope", sa.LargeBinary, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("about", sa.Text),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("repeats_by_age", "repeats", ["at"])
    op.create_index("repeats_by_subject", "repeats", ["subject", "at"])
    op.create_index("repeats_by_session", "repeats", ["subject", "about"])
