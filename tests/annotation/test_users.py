"""Accounts, passwords and sessions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from infmap.annotation import audit, schema, users
from infmap.annotation.errors import NotFound
from infmap.annotation.store import Store
from infmap.annotation.users import User
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON, PASSWORD  # noqa: E402


@pytest.fixture
def ann(store: Store) -> User:
    with store.begin() as c:
        return users.add(c, "ann", PASSWORD, "reader")


def test_a_user_signs_in_with_the_right_password_only(store: Store, ann: User) -> None:
    with store.read() as c:
        assert users.check(c, "ann", PASSWORD) == ann
        for name, password in (("ann", "wrong one"), ("ben", PASSWORD), ("ann", "x" * 10_000)):
            assert users.check(c, name, password) is None
        assert users.named(c, "ann") == users.get(c, ann.id) == ann
        assert users.named(c, "ben") is None
        assert users.every(c) == [ann]
        with pytest.raises(NotFound):
            users.get(c, "none")


def test_neither_passwords_nor_tokens_are_kept(store: Store, ann: User) -> None:
    with store.begin() as c:
        token = users.start(c, ann, NOON)
        hashed = c.execute(select(schema.users.c.password)).scalar_one()
        kept = c.execute(select(schema.sessions.c.token)).scalar_one()
    assert hashed.startswith("$argon2id$") and PASSWORD not in hashed
    assert kept != token


@pytest.mark.parametrize("name", ["", " ann", "ann ", "a\nb", "x" * 65])
def test_a_name_that_is_none_is_refused(store: Store, name: str) -> None:
    with store.begin() as c, pytest.raises(UsageError, match="name"):
        users.add(c, name, PASSWORD, "reader")


def test_a_taken_name_a_short_password_and_an_unknown_role_are_refused(
    store: Store, ann: User
) -> None:
    with store.begin() as c:
        with pytest.raises(UsageError, match="there already"):
            users.add(c, "ann", PASSWORD, "reader")
        with pytest.raises(UsageError, match="8 to 256 characters, got 5"):
            users.add(c, "ben", "short", "reader")
        with pytest.raises(UsageError, match="role"):
            users.add(c, "ben", PASSWORD, "king")
        with pytest.raises(UsageError, match="role"):
            users.set_role(c, ann, "king")


def test_a_session_lasts_a_working_day(store: Store, ann: User) -> None:
    with store.begin() as c:
        token = users.start(c, ann, NOON)
    with store.read() as c:
        assert users.user_of(c, token, NOON + users.SESSION_MS - 1) == ann
        assert users.user_of(c, token, NOON + users.SESSION_MS) is None
        assert users.user_of(c, "another", NOON) is None
    with store.begin() as c:
        users.end(c, token)
        assert users.user_of(c, token, NOON) is None


def test_a_new_password_ends_sessions_and_the_duty_to_change_it(store: Store) -> None:
    with store.begin() as c:
        ben = users.add(c, "ben", PASSWORD, "reader", must_change=True)
        token = users.start(c, ben, NOON)
        assert ben.must_change
        users.set_password(c, ben, "another one")
        assert users.user_of(c, token, NOON) is None
        changed = users.check(c, "ben", "another one")
        assert changed is not None and not changed.must_change
        assert users.check(c, "ben", PASSWORD) is None


def test_a_closed_account_signs_in_no_more(store: Store, ann: User) -> None:
    with store.begin() as c:
        token = users.start(c, ann, NOON)
        users.disable(c, ann)
        assert users.user_of(c, token, NOON) is None
        assert users.check(c, "ann", PASSWORD) is None
        users.disable(c, ann, False)
        assert users.check(c, "ann", PASSWORD) == ann


def test_the_last_administrator_stays(store: Store) -> None:
    with store.begin() as c:
        root = users.add(c, "root", PASSWORD, "administrator")
        for take in (lambda: users.disable(c, root), lambda: users.set_role(c, root, "reader")):
            with pytest.raises(UsageError, match="only administrator"):
                take()
        users.add(c, "second", PASSWORD, "administrator")
        users.set_role(c, root, "senior", by="second")
        assert users.get(c, root.id).role == "senior"


def test_what_is_done_to_accounts_is_in_the_log(store: Store, ann: User) -> None:
    with store.begin() as c:
        users.set_role(c, ann, "senior", by="root")
        users.start(c, ann, NOON)
        users.disable(c, ann, by="root")
        done = [(e.user, e.verb, e.subject) for e in audit.entries(c)]
    assert done == [
        ("", "add user", "ann"),
        ("root", "set role", "ann"),
        ("ann", "sign in", "ann"),
        ("root", "disable user", "ann"),
    ]
