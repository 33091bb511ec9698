"""Warnings are dropped thread by thread, and nothing is left changed."""

from __future__ import annotations

import logging
import re
import threading
import warnings

import pytest

from infmap.core.quiet import quiet


def test_warnings_inside_are_dropped_and_outside_are_not() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with quiet():
            warnings.warn("inside", UserWarning, stacklevel=1)
        warnings.warn("outside", UserWarning, stacklevel=1)
    assert [str(w.message) for w in seen] == ["outside"]


def test_another_thread_keeps_its_warnings() -> None:
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with quiet():
            inside.set()
            done.wait(30)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        thread = threading.Thread(target=hold)
        thread.start()
        assert inside.wait(30)
        try:
            with pytest.raises(UserWarning, match="mine"):
                warnings.warn("mine", UserWarning, stacklevel=1)
        finally:
            done.set()
            thread.join()


def test_threads_that_overlap_leave_warnings_as_they_were() -> None:
    first, second = threading.Event(), threading.Event()

    def one() -> None:
        with quiet():
            first.set()
            second.wait(30)

    def two() -> None:
        first.wait(30)
        with quiet():
            second.set()

    threads = [threading.Thread(target=work) for work in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            warnings.warn("still on", UserWarning, stacklevel=1)


def test_log_records_of_libraries_are_dropped_inside_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("pydicom")
    with quiet():
        logger.warning("inside")
    logger.warning("outside")
    assert [record.getMessage() for record in caplog.records] == ["outside"]


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
