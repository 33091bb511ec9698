"""The server's tables, the same in SQLite and PostgreSQL; the node's outbox is among them.

Times are UTC, whole milliseconds since 1970. Identifiers are random text, or a keyed hash, so that
a client can neither count films nor guess another one's.
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
    String,
    Table,
    Text,
    UniqueConstraint,
)

from infmap.web.columns import DIGEST, ID, named_metadata, time_column

NAME = String(128)
# SQLite numbers rows by itself only where the key is its own INTEGER.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")

metadata = named_metadata()

uploads = Table(
    "upload",
    metadata,
    Column("sha256", DIGEST, primary_key=True),
    Column("size", BigInteger, nullable=False),  # bytes
    time_column("created"),
)

models = Table(
    "model",
    metadata,
    Column("name", NAME, primary_key=True),  # what clients ask for
    Column("label", NAME, nullable=False),  # name@version of the model folder
    Column("sha256", DIGEST, nullable=False),
    Column("threshold", Float, nullable=False),  # of infection, where a job names none
    time_column("registered"),
)

keys = Table(
    "api_key",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    # The digest of the secret: who reads the table cannot ask with what it holds.
    Column("hash", DIGEST, nullable=False, unique=True),
    time_column("created"),
    Column("disabled", Boolean, nullable=False),
)

jobs = Table(
    "job",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key_id", ID, ForeignKey("api_key.id")),  # null: on the machine itself
    Column("state", String(16), nullable=False),
    Column("models", Text, nullable=False),  # JSON list of names
    Column("threshold", Float),  # null: each model's own
    Column("note", Text, nullable=False),
    Column("priority", Integer, nullable=False),  # highest first
    time_column("created"),
    time_column("ended", nullable=True),
    CheckConstraint("state IN ('open', 'done', 'cancelled')", name="state"),
    Index(None, "key_id", "created"),
)

items = Table(
    "item",
    metadata,
    Column("id", ID, primary_key=True),
    Column("job_id", ID, ForeignKey("job.id"), nullable=False),
    Column("position", Integer, nullable=False),  # 0, 1, ... in the job
    Column("name", Text, nullable=False),  # what the client calls the film
    Column("sha256", DIGEST),  # null where the film was refused before its bytes were looked at
    Column("model", NAME, nullable=False),
    Column("state", String(16), nullable=False),
    # Copied from the job, so that the queue is read along one index.
    Column("priority", Integer, nullable=False),
    Column("queued", BigInteger),
    Column("attempts", Integer, nullable=False),  # ended by a crash of the process that had it
    Column("claims", Integer, nullable=False),
    Column("owner", ID),  # who has it: the workers of one server
    Column("token", ID),  # fencing: only who claimed it last may finish it
    time_column("lease_until", nullable=True),
    Column("status", String(16)),  # of the result: ok, rejected, failed
    Column("reason", Text),
    Column("film_id", ID),
    time_column("created"),
    time_column("ended", nullable=True),
    CheckConstraint(
        "state IN ('waiting', 'queued', 'leased', 'done', 'failed', 'cancelled')", name="state"
    ),
    UniqueConstraint("job_id", "position"),
    Index(None, "state", "priority", "queued"),
    Index(None, "job_id", "state"),
    Index(None, "job_id", "sha256"),
    Index(None, "film_id"),
    Index(None, "sha256"),  # what still needs a film's bytes
    Index(None, "token"),
)

results = Table(
    "result",
    metadata,
    Column("film_id", ID, primary_key=True),
    Column("sha256", DIGEST, nullable=False),  # of the film's bytes
    Column("model_sha", DIGEST, nullable=False),
    Column("threshold", Float, nullable=False),
    # A threshold that a job names is one point for film and pixel, whatever its value; without one
    # the model has a point for each.
    Column("named", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text),
    Column("patient", DIGEST),  # keyed hash; null where the file names none
    Column("study_date", Integer),  # days since 1970; null where unknown
    # What a patient's course is drawn from; null where the film was not assessed.
    Column("infected_fraction", Float),
    Column("opacity_fraction", Float),
    Column("score", Float),
    Column("view", String(16)),  # "AP", "PA"; "" where the file states none; null: not noted yet
    time_column("created"),
    CheckConstraint("status IN ('ok', 'rejected', 'failed')", name="status"),
    UniqueConstraint("sha256", "model_sha", "threshold", "named"),
    Index(None, "patient"),
)

days = Table(
    "day",
    metadata,
    Column("seq", SEQUENCE, primary_key=True),  # in the order in which the server ran on them
    Column("day", Integer, nullable=False, unique=True),  # since 1970
)

events = Table(
    "event",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("job_id", ID, ForeignKey("job.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("data", Text, nullable=False),  # JSON
    Index(None, "job_id", "seq"),
    sqlite_autoincrement=True,  # a number never comes again: a page asks for all after its last
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", ID, primary_key=True),
    Column("film_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("destination", NAME, nullable=False),
    Column("sop_uid", String(64)),  # null until the object is made
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    time_column("next_at"),
    Column("status", String(16)),  # the peer's last answer
    Column("reason", Text),
    time_column("created"),
    time_column("sent", nullable=True),
    # Of the last request for storage commitment, which its report repeats.
    Column("transaction_uid", String(64)),
    time_column("noted", nullable=True),  # when ``next_at`` was chosen
    CheckConstraint("state IN ('waiting', 'stored', 'sent', 'dead')", name="state"),
    UniqueConstraint("film_id", "kind", "destination"),
    Index(None, "destination", "state", "next_at"),
    Index(None, "transaction_uid"),
)

received = Table(
    "received",
    metadata,
    # Objects that came over the network: the same one again is known by its UID.
    Column("sop_uid", String(64), primary_key=True),
    Column("sop_class", String(64), nullable=False),
    Column("sha256", DIGEST, nullable=False),
    Column("calling", String(16), nullable=False),  # title of who sent it
    Column("modality", String(16), nullable=False),
    Column("body_part", String(16), nullable=False),
    Column("job_id", ID, ForeignKey("job.id")),  # null: kept out of reading, and not stored
    Column("reason", Text),  # why it is not read, or why nothing was sent
    time_column("came"),
    time_column("planned", nullable=True),  # null: its result is not in the outbox yet
    Index(None, "planned"),
)
