"""Tables of both databases, made by migrations alone."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, inspect

from infmap.serve import results
from infmap.serve.schema import metadata
from infmap.serve.store import LAYOUT, Store


def test_migrations_make_the_tables_that_the_code_names(store: Store) -> None:
    with store.begin() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == LAYOUT.head()


def test_older_results_keep_the_points_that_they_were_read_at(
    tmp_path: Path, url: str | None
) -> None:
    (tmp_path / "server").mkdir()
    engine = create_engine(LAYOUT.url(tmp_path / "server", url))
    with engine.begin() as c:
        LAYOUT.migrate(c, "0003")
        for number, threshold in enumerate(("NULL", "0.5")):
            job = f"'j{number}', 'done', '[]', {threshold}, '', 0, 0"
            c.exec_driver_sql(
                f"INSERT INTO job (id, state, models, threshold, note, priority, created) "
                f"VALUES ({job})"
            )
        # Film "own" was read without a threshold and then found by a job that named it; film
        # "named" the other way round; nobody has film "left" any more.
        for number, (film, job, ended) in enumerate(
            (("own", "j0", 1), ("own", "j1", 2), ("named", "j1", 1), ("named", "j0", 2))
        ):
            row = f"'i{number}', '{job}', {number}, '', '', 'done', 0, 0, 0, '{film}', 0, {ended}"
            c.exec_driver_sql(
                "INSERT INTO item (id, job_id, position, name, model, state, priority, attempts, "
                f"claims, film_id, created, ended) VALUES ({row})"
            )
        for film in ("own", "named", "left"):
            c.exec_driver_sql(
                "INSERT INTO result (film_id, sha256, model_sha, threshold, status, created) "
                f"VALUES ('{film}', '{film}', 'm', 0.5, 'ok', 0)"
            )
        LAYOUT.migrate(c)
        named = {film: results.get(c, film).named for film in ("own", "named", "left")}
        (found,) = results.stored(c, ["own"], "m", 0.5, named=False)
    engine.dispose()
    assert named == {"own": False, "named": True, "left": False}
    assert found.film == "own"


def test_constraints_have_the_names_that_a_later_migration_drops_them_by(store: Store) -> None:
    for table in metadata.sorted_tables:
        there = {check["name"] for check in inspect(store.engine).get_check_constraints(table.name)}
        named = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert there == named
        assert all(name.startswith(f"ck_{table.name}_") for name in there)
