"""Encoders, identified by their vectors of fixed sentences."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "encoders",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("probes", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
