from __future__ import annotations

from infmap import metrics as m


def test_every_public_name_is_there() -> None:
    assert [name for name in m.__all__ if not hasattr(m, name)] == []
