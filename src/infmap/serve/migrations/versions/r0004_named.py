"""Results at a threshold that a job named, apart from those at the model's own points."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What is stored was read for the job that ended first with it; later ones found it there.
_FIRST = """
UPDATE result SET named = COALESCE((
    SELECT job.threshold IS NOT NULL FROM item JOIN job ON job.id = item.job_id
    WHERE item.film_id = result.film_id ORDER BY item.ended, item.created, item.id LIMIT 1
), named)
"""


def upgrade() -> None:
    """Go to this version."""
    # SQLite cannot change a constraint: its table is written anew. Until the rows are filled in,
    # the column needs a default.
    with op.batch_alter_table("result") as table:
        table.add_column(
            sa.Column("named", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.execute(_FIRST)
    with op.batch_alter_table("result") as table:
        table.alter_column("named", server_default=None)
        table.drop_constraint("uq_result_sha256_model_sha_threshold", type_="unique")
        table.create_unique_constraint(
            "uq_result_sha256_model_sha_threshold_named",
            ["sha256", "model_sha", "threshold", "named"],
        )
