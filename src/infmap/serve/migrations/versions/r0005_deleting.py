"""Items by their film: what is deleted with it, and what still needs it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_index("ix_item_sha256", "item", ["sha256"], unique=False)
