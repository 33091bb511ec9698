"""Days on which the server ran, the view of each film, and when an object's next try was chosen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "day",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_day"),
        sa.UniqueConstraint("day", name="uq_day_day"),
    )
    op.add_column("result", sa.Column("view", sa.String(16), nullable=True))
    op.add_column("outbox", sa.Column("noted", sa.BigInteger(), nullable=True))
