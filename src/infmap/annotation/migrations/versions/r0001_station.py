"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import ForeignKeyConstraint as FK

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "masks",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_masks"),
    )
    op.create_table(
        "networks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_networks"),
        sa.UniqueConstraint("name", name="uq_networks_name"),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "films",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("window_center", sa.Float(), nullable=False),
        sa.Column("window_width", sa.Float(), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=True),
        sa.Column("day", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("lungs", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("disagreement", sa.Float(), nullable=True),
        sa.Column("imported", sa.BigInteger(), nullable=False),
        FK(["lungs"], ["masks.sha256"], name="fk_films_lungs_masks"),
        FK(["project_id"], ["projects.id"], name="fk_films_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_films"),
        sa.UniqueConstraint("project_id", "sha256", name="uq_films_project_id_sha256"),
    )
    op.create_index("ix_films_project_id_patient", "films", ["project_id", "patient"], unique=False)
    op.create_table(
        "members",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        FK(["project_id"], ["projects.id"], name="fk_members_project_id_projects"),
        FK(["user_id"], ["users.id"], name="fk_members_user_id_users"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_members"),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        FK(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("token", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("film_id", sa.String(length=32), nullable=False),
        sa.Column("network_id", sa.String(length=32), nullable=False),
        sa.Column("mask", sa.String(length=64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        FK(["film_id"], ["films.id"], name="fk_proposals_film_id_films"),
        FK(["mask"], ["masks.sha256"], name="fk_proposals_mask_masks"),
        FK(["network_id"], ["networks.id"], name="fk_proposals_network_id_networks"),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
        sa.UniqueConstraint(
            "film_id", "network_id", "round", name="uq_proposals_film_id_network_id_round"
        ),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("film_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("unaided", sa.Boolean(), nullable=False),
        sa.Column("repeat_of", sa.String(length=32), nullable=True),
        sa.Column("assigned_to", sa.String(length=32), nullable=True),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("tie", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("leased", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("head", sa.String(length=32), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'decided')", name=op.f("ck_tasks_state")),
        FK(["assigned_to"], ["users.id"], name="fk_tasks_assigned_to_users"),
        FK(["film_id"], ["films.id"], name="fk_tasks_film_id_films"),
        FK(["project_id"], ["projects.id"], name="fk_tasks_project_id_projects"),
        FK(["user_id"], ["users.id"], name="fk_tasks_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_film_id_reading", "tasks", ["film_id", "reading"], unique=False)
    op.create_index(
        "ix_tasks_project_id_state_score_tie",
        "tasks",
        ["project_id", "state", "score", "tie"],
        unique=False,
    )
    op.create_index("ix_tasks_user_id_state", "tasks", ["user_id", "state"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("base", sa.String(length=1), nullable=True),
        sa.Column("tab", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        FK(["task_id"], ["tasks.id"], name="fk_drafts_task_id_tasks"),
        FK(["user_id"], ["users.id"], name="fk_drafts_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.UniqueConstraint("task_id", "user_id", name="uq_drafts_task_id_user_id"),
    )
    op.create_index("ix_drafts_user_id", "drafts", ["user_id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("leased", sa.BigInteger(), nullable=False),
        FK(["task_id"], ["tasks.id"], name="fk_leases_task_id_tasks"),
        FK(["user_id"], ["users.id"], name="fk_leases_user_id_users"),
        sa.PrimaryKeyConstraint("task_id", "version", name="pk_leases"),
    )
    op.create_index("ix_leases_user_id", "leases", ["user_id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("film_id", sa.String(length=32), nullable=False),
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("mask", sa.String(length=64), nullable=True),
        sa.Column("side", sa.String(length=1), nullable=True),
        sa.Column("draft_id", sa.String(length=32), nullable=True),
        sa.Column("draft_seq", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("active_ms", sa.BigInteger(), nullable=False),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        FK(["draft_id"], ["drafts.id"], name="fk_revisions_draft_id_drafts"),
        FK(["film_id"], ["films.id"], name="fk_revisions_film_id_films"),
        FK(["mask"], ["masks.sha256"], name="fk_revisions_mask_masks"),
        FK(["task_id"], ["tasks.id"], name="fk_revisions_task_id_tasks"),
        FK(["user_id"], ["users.id"], name="fk_revisions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
        sa.UniqueConstraint("task_id", "number", name="uq_revisions_task_id_number"),
    )
    op.create_index("ix_revisions_film_id", "revisions", ["film_id"], unique=False)
    op.create_index("ix_revisions_user_id", "revisions", ["user_id"], unique=False)
    op.create_table(
        "strokes",
        sa.Column("draft_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("tool", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("active_ms", sa.Integer(), nullable=False),
        sa.Column("runs", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        FK(["draft_id"], ["drafts.id"], name="fk_strokes_draft_id_drafts"),
        sa.PrimaryKeyConstraint("draft_id", "seq", name="pk_strokes"),
        sa.UniqueConstraint("draft_id", "uuid", name="uq_strokes_draft_id_uuid"),
    )
    op.create_table(
        "presentations",
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=1), nullable=False),
        sa.Column("mask", sa.String(length=64), nullable=False),
        sa.Column("proposal_id", sa.String(length=32), nullable=True),
        sa.Column("revision_id", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "(proposal_id IS NULL) <> (revision_id IS NULL)", name=op.f("ck_presentations_origin")
        ),
        FK(["mask"], ["masks.sha256"], name="fk_presentations_mask_masks"),
        FK(["proposal_id"], ["proposals.id"], name="fk_presentations_proposal_id_proposals"),
        FK(["revision_id"], ["revisions.id"], name="fk_presentations_revision_id_revisions"),
        FK(["task_id"], ["tasks.id"], name="fk_presentations_task_id_tasks"),
        sa.PrimaryKeyConstraint("task_id", "side", name="pk_presentations"),
    )
    # The start of the audit log's chain.
    head = sa.table("audit_head", sa.column("id"), sa.column("seq"), sa.column("digest"))
    op.execute(head.insert().values(id=1, seq=0, digest="0" * 64))
