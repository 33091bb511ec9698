"""API keys."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from infmap.core.errors import UsageError
from infmap.serve import keys
from infmap.serve.errors import NotFound
from infmap.serve.store import Store


def test_a_key_opens_until_it_is_disabled(store: Store) -> None:
    with store.begin() as c:
        key, secret = keys.create(c, "ward 3")
        assert keys.of(c, secret) == key and keys.of(c, secret + "x") is None
        keys.disable(c, "ward 3")
        assert keys.of(c, secret) is None
        assert [(one.name, one.disabled) for one in keys.every(c)] == [("ward 3", True)]


def test_the_secret_is_not_kept(store: Store) -> None:
    with store.begin() as c:
        _, secret = keys.create(c, "a")
        row = c.execute(text("SELECT * FROM api_key")).one()
    assert all(secret not in str(value) and secret[7:] not in str(value) for value in row)


def test_a_name_is_given_once_and_is_a_name(store: Store) -> None:
    with store.begin() as c:
        keys.create(c, "a")
        for name in ("a", "", " ", "x" * 65, "line\nbreak"):
            with pytest.raises(UsageError, match="key:"):
                keys.create(c, name)
        assert len(keys.every(c)) == 1
        with pytest.raises(NotFound):
            keys.disable(c, "b")
