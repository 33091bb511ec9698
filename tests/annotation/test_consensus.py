from __future__ import annotations

import numpy as np
import pytest

from infmap.annotation.consensus import consensus
from infmap.core.errors import UsageError
from infmap.web.masks import bit, of_planes, plane


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_each_label_has_its_own_consensus(method: str) -> None:
    lungs, infection = np.ones((3, 4), bool), np.zeros((3, 4), bool)
    infection[1] = True
    both = of_planes({"lungs": lungs, "infection": infection})
    alone = of_planes({"lungs": lungs})
    agreed = consensus([both, both, alone], method)
    assert plane(agreed, "lungs").all()
    np.testing.assert_array_equal(plane(agreed, "infection"), infection)
    assert not (agreed & ~np.uint8(bit("lungs") | bit("infection"))).any()
    np.testing.assert_array_equal(consensus([both], method), both)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one of staple, majority"):
        consensus([np.zeros((2, 2), np.uint8)], "mean")
