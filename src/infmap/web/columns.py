"""What tables of every server are made of, the same in SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Row, String

TableRow = Row[*tuple[object, ...]]
"""A row of a table, or of several that are joined; columns are its attributes."""

ID = String(32)
DIGEST = String(64)
"""SHA-256, hexadecimal."""


def named_metadata() -> MetaData:
    """Tables whose constraints have names, so that a migration can drop one in either database."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def time_column(name: str, nullable: bool = False) -> Column[int]:
    """Milliseconds since 1970, UTC."""
    return Column(name, BigInteger, nullable=nullable)
