"""Limits on memory."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from infmap.compute.memory import address_space, limited_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what is in use")


def test_more_than_is_allowed_is_a_memory_error_and_the_limit_ends() -> None:
    with limited_memory(64 << 20):
        assert np.zeros(1 << 20, np.uint8).size == 1 << 20
        with pytest.raises(MemoryError):
            np.zeros(512 << 20, np.uint8)
    assert np.zeros(512 << 20, np.uint8).size == 512 << 20


def test_an_outer_limit_is_not_lifted() -> None:
    with limited_memory(64 << 20):
        with limited_memory(4 << 30), pytest.raises(MemoryError):
            np.zeros(512 << 20, np.uint8)
        with pytest.raises(MemoryError):
            np.zeros(512 << 20, np.uint8)


def test_what_is_in_use_is_told() -> None:
    used = address_space()
    assert used is not None and used > 1 << 20
