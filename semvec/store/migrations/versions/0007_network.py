"""Users and their sessions, reputations of sessions, observers."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
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
    _create_observers()


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _create_observers() -> None:
    op.create_table(
        "observers",
        _key("key"),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("observer_id", sa.Text, nullable=False),
        sa.Column("interval_s", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("last_sample_at", sa.Double),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("last_anomaly", sa.BigInteger, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
    )
    op.create_index("observers_by_owner", "observers", ["owner"], unique=True)
    op.create_index("observers_by_due", "observers", ["due_at"])
    op.create_table(
        "observer_regions", _key("observer_key"), _key("region_key"), sqlite_with_rowid=False
    )
    op.create_index("observers_by_region", "observer_regions", ["region_key"])
    op.create_table(
        "anomalies",
        _key("observer_key"),
        _key("number"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
