"""Users, the sessions that are made for them, and how far those are trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("user_id", sa.Text))
    op.create_table(
        "trust",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("kept", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("saved_at", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "active_users",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
