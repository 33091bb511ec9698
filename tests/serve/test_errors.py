"""Errors of the server's domain: one line each."""

from __future__ import annotations

from infmap.core.errors import InfmapError, UsageError
from infmap.serve.errors import NotFound, UploadRefused


def test_each_error_is_one_line_of_the_one_tree() -> None:
    for error in (NotFound("job"), UploadRefused("upload: no")):
        assert isinstance(error, InfmapError) and "\n" not in str(error)
    assert isinstance(UploadRefused("x"), UsageError)
    assert not UploadRefused("x").too_large and UploadRefused("x", too_large=True).too_large
