from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'infmap[serve]'")
from sqlalchemy import Column, ForeignKey, Table, create_engine, inspect, select

from infmap.web.columns import ID, named_metadata, time_column


def test_constraints_have_names_and_times_hold_milliseconds() -> None:
    metadata = named_metadata()
    jobs = Table("job", metadata, Column("id", ID, primary_key=True), time_column("created"))
    Table("item", metadata, Column("job_id", ID, ForeignKey("job.id")), time_column("ended", True))
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    (key,) = inspect(engine).get_foreign_keys("item")
    assert key["name"] == "fk_item_job_id_job"
    nullable = {c["name"]: c["nullable"] for c in inspect(engine).get_columns("item")}
    assert nullable["ended"] and not jobs.c.created.nullable
    late = 4_102_444_800_123  # 2100, past 32 bits
    with engine.begin() as c:
        c.execute(jobs.insert().values(id="a", created=late))
        assert c.scalar(select(jobs.c.created)) == late
    engine.dispose()
