"""Objects that a destination stored and has yet to answer for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    # SQLite cannot change a check: its table is written anew.
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("transaction_uid", sa.String(length=64), nullable=True))
        table.drop_constraint(op.f("ck_outbox_state"), type_="check")
        table.create_check_constraint(
            op.f("ck_outbox_state"), "state IN ('waiting', 'stored', 'sent', 'dead')"
        )
    op.create_index("ix_outbox_transaction_uid", "outbox", ["transaction_uid"], unique=False)
