"""What alembic runs: all steps in the one transaction that ``Layout.migrate`` has open."""

from __future__ import annotations

from alembic import context

from infmap.serve.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
