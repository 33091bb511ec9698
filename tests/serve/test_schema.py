"""Tables of both databases, made by migrations alone."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect

from infmap.serve.schema import metadata
from infmap.serve.store import LAYOUT, Store


def test_migrations_make_the_tables_that_the_code_names(store: Store) -> None:
    with store.begin() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == LAYOUT.head()


def test_constraints_have_the_names_that_a_later_migration_drops_them_by(store: Store) -> None:
    for table in metadata.sorted_tables:
        there = {check["name"] for check in inspect(store.engine).get_check_constraints(table.name)}
        named = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert there == named
        assert all(name.startswith(f"ck_{table.name}_") for name in there)
