"""How a verb is called."""

from __future__ import annotations

import pytest

from infmap.cli.main import main


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code
