"""Secrets that the servers of one database share."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY_BYTES = 32


def upgrade() -> None:
    table = op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(table, [{"name": "opaque", "value": secrets.token_bytes(KEY_BYTES)}])
