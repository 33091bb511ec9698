"""Films that came over the network, in place of their UIDs alone; a queue for each destination."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.drop_table("instance")
    op.create_table(
        "received",
        sa.Column("sop_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("calling", sa.String(length=16), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("body_part", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("came", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_received_job_id_job"),
        sa.PrimaryKeyConstraint("sop_uid", name="pk_received"),
    )
    op.create_index("ix_received_planned", "received", ["planned"], unique=False)
    op.drop_index("ix_outbox_state_next_at", table_name="outbox")
    op.create_index(
        "ix_outbox_destination_state_next_at",
        "outbox",
        ["destination", "state", "next_at"],
        unique=False,
    )
