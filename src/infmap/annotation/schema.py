"""The station's tables, the same in SQLite and PostgreSQL.

Times are UTC, whole milliseconds since 1970. Identifiers are random text, so that a reader can
neither count films nor guess another one's. Settings and details are JSON text, written with
sorted keys, so that a backup of equal rows has equal bytes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from infmap.web.columns import DIGEST, ID, named_metadata, time_column

metadata = named_metadata()

users = Table(
    "users",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("password", Text, nullable=False),  # argon2id, with its salt and parameters
    Column("role", String(16), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    time_column("created"),
)

sessions = Table(
    "sessions",
    metadata,
    # The digest of the token: who reads the table cannot sign in with what it holds.
    Column("token", DIGEST, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    time_column("started"),
    time_column("expires"),
)

projects = Table(
    "projects",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("labels", Text, nullable=False),  # JSON list of names
    Column("settings", Text, nullable=False),  # JSON of projects.Settings
    Column("round", Integer, nullable=False),  # of the newest proposals; 0 before any
    time_column("created"),
)

members = Table(
    "members",
    metadata,
    Column("project_id", ID, ForeignKey("projects.id"), primary_key=True),
    Column("user_id", ID, ForeignKey("users.id"), primary_key=True),
    Column("role", String(16), nullable=False),
)

masks = Table(
    "masks",
    metadata,
    # One row however many proposals and revisions have these pixels.
    Column("sha256", DIGEST, primary_key=True),
    Column("data", LargeBinary, nullable=False),  # IMK1
)

films = Table(
    "films",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", ID, ForeignKey("projects.id"), nullable=False),
    Column("sha256", DIGEST, nullable=False),  # of the imported file
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("window_center", Float, nullable=False),  # grey levels
    Column("window_width", Float, nullable=False),
    Column("patient", DIGEST),  # keyed hash; null where the file names none
    Column("day", Integer),  # of the examination, days since 1970; null where unknown
    Column("source", Text, nullable=False),  # path at import: for administrators and export only
    Column("lungs", DIGEST, ForeignKey("masks.sha256")),
    Column("state", String(16), nullable=False),
    Column("reading", Integer, nullable=False),  # 1 by hand or from proposals; 2 compares
    Column("settled", Integer, nullable=False),  # the last reading that is done; 0 before any
    # Null: to be computed from the proposals of the round.
    Column("disagreement", Float),
    time_column("imported"),
    UniqueConstraint("project_id", "sha256"),
    Index(None, "project_id", "patient"),
)

networks = Table(
    "networks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),  # name@version
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("film_id", ID, ForeignKey("films.id"), nullable=False),
    Column("network_id", ID, ForeignKey("networks.id"), nullable=False),
    Column("mask", DIGEST, ForeignKey("masks.sha256"), nullable=False),
    Column("round", Integer, nullable=False),
    time_column("created"),
    UniqueConstraint("film_id", "network_id", "round"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", ID, ForeignKey("projects.id"), nullable=False),
    Column("film_id", ID, ForeignKey("films.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    # A film is read once or twice: by hand, and again when hand and machine are compared. Slots are
    # the readers of one reading; a user fills one of them at most.
    Column("reading", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("unaided", Boolean, nullable=False),  # without candidates by draw, though there are some
    Column("repeat_of", ID),
    Column("assigned_to", ID, ForeignKey("users.id")),  # only this user may have it
    Column("due", Integer, nullable=False),  # decisions of that user before it is offered
    Column("score", Float, nullable=False),  # highest first
    Column("tie", BigInteger, nullable=False),  # then lowest first
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("user_id", ID, ForeignKey("users.id")),  # who has it, or decided it
    time_column("leased", nullable=True),
    time_column("lease_until", nullable=True),
    Column("head", ID),  # the revision that counts
    time_column("created"),
    time_column("decided", nullable=True),
    CheckConstraint("state IN ('open', 'decided')", name="state"),
    Index(None, "project_id", "state", "score", "tie"),
    Index(None, "film_id", "reading"),
    Index(None, "user_id", "state"),
)

leases = Table(
    "leases",
    metadata,
    # Who was given which version of a task: what that user may look at and decide.
    Column("task_id", ID, ForeignKey("tasks.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("released", Boolean, nullable=False),  # given back by that user
    time_column("leased"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("task_id", ID, ForeignKey("tasks.id"), nullable=False),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("base", String(1)),  # side it started from; null: an empty mask
    Column("tab", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    time_column("created"),
    UniqueConstraint("task_id", "user_id"),
)

strokes = Table(
    "strokes",
    metadata,
    Column("draft_id", ID, ForeignKey("drafts.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("uuid", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("tool", String(64), nullable=False),
    Column("label", Integer, nullable=False),
    Column("x", Integer, nullable=False),
    Column("y", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("active_ms", Integer, nullable=False),
    Column("runs", LargeBinary, nullable=False),
    time_column("received"),
    UniqueConstraint("draft_id", "uuid"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("film_id", ID, ForeignKey("films.id"), nullable=False, index=True),
    Column("task_id", ID, ForeignKey("tasks.id"), nullable=False),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),  # 1, 2, ... of the task
    Column("version", Integer, nullable=False),  # of the task, as the user knew it
    Column("parent", ID),
    Column("kind", String(16), nullable=False),
    Column("origin", Text, nullable=False),  # "hand", "NETWORK@VERSION", "edited from ..."
    Column("mask", DIGEST, ForeignKey("masks.sha256")),  # null: rejected without a mask
    Column("side", String(1)),
    Column("draft_id", ID, ForeignKey("drafts.id")),
    Column("draft_seq", Integer),
    Column("reason", Text),
    Column("active_ms", BigInteger, nullable=False),
    Column("conflict", Boolean, nullable=False),  # kept, but does not count
    time_column("created"),
    UniqueConstraint("task_id", "number"),
)

presentations = Table(
    "presentations",
    metadata,
    Column("task_id", ID, ForeignKey("tasks.id"), primary_key=True),
    Column("side", String(1), primary_key=True),
    Column("mask", DIGEST, ForeignKey("masks.sha256"), nullable=False),
    Column("proposal_id", ID, ForeignKey("proposals.id")),
    Column("revision_id", ID, ForeignKey("revisions.id")),
    CheckConstraint("(proposal_id IS NULL) <> (revision_id IS NULL)", name="origin"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    time_column("at"),
    Column("user_name", String(64), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("previous", DIGEST, nullable=False),
    Column("digest", DIGEST, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    # One row, which every writer of the log locks: the chain has no forks.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("digest", DIGEST, nullable=False),
)
