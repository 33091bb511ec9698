"""Warnings of libraries are dropped inside ``quiet``, by a filter that others may copy."""

from __future__ import annotations

import re
import warnings

import pytest

from infmap.core.quiet import quiet


def test_a_filter_that_is_copied_as_text_hides_nothing() -> None:
    """scikit-learn hands the filters on to its threads by the text of their patterns."""
    with warnings.catch_warnings():
        with quiet():
            warnings.warn("not heard", stacklevel=1)
        ours = [one for one in warnings.filters if one[0] == "ignore" and one[2] is Warning]
        texts = [getattr(message, "pattern", message) for _, message, *_ in ours]
        assert texts, "quiet has no filter"
        warnings.resetwarnings()
        for text in filter(None, texts):
            re.compile(text)
            warnings.filterwarnings("ignore", message=text)
        with pytest.warns(UserWarning, match="heard"):
            warnings.warn("heard", stacklevel=1)
