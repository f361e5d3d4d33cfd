"""Kinds of sessions and their states; clusters, regions, votes and drift events."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sessions", sa.Column("kind", sa.SmallInteger, nullable=False, server_default="0")
    )
    op.add_column("sessions", sa.Column("dimension", sa.Integer))
    op.add_column("sessions", sa.Column("mean", sa.LargeBinary))
    op.add_column("sessions", sa.Column("phase", sa.Text))
    op.add_column("sessions", sa.Column("drift_phase", sa.Text))
    op.drop_index("sessions_by_owner", "sessions")
    op.create_index("sessions_by_owner", "sessions", ["owner", "kind", "key"])
    _create_clusters()
    _create_regions()
    _create_drift_events()


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _create_clusters() -> None:
    op.create_table(
        "clusters",
        _key("key"),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("coupling", sa.Double, nullable=False),
    )
    op.create_index("clusters_by_owner", "clusters", ["owner", "key"])
    op.create_table("members", _key("cluster_key"), _key("session_key"), sqlite_with_rowid=False)
    op.create_index("members_by_session", "members", ["session_key"])


def _create_regions() -> None:
    op.create_table(
        "regions",
        _key("key"),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("region_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("window_s", sa.Double, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("last_event", sa.BigInteger, nullable=False),
        sa.Column("last_realignment", sa.Double),
    )
    op.create_index("regions_by_owner", "regions", ["owner", "key"])
    op.create_table(
        "region_clusters", _key("region_key"), _key("cluster_key"), sqlite_with_rowid=False
    )
    op.create_index("regions_by_cluster", "region_clusters", ["cluster_key"])


def _create_drift_events() -> None:
    op.create_table(
        "votes",
        _key("region_key"),
        _key("cluster_key"),
        sa.Column("at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("votes_by_cluster", "votes", ["cluster_key"])
    op.create_table(
        "drift_events",
        _key("region_key"),
        _key("number"),
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
