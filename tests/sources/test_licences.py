"""Tests of `infmap.sources.licences`."""

import pytest

from infmap.sources.licences import Terms, terms


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        (None, Terms()),
        (" ", Terms()),
        ("listed as authorized for everyone", Terms()),
        ("CC0 1.0", Terms(True, True, True, False)),
        ("CC BY 4.0", Terms(True, True, True, False)),
        ("CC-BY-SA-4.0", Terms(True, True, True, True)),
        ("CC BY-NC-SA", Terms(True, False, True, True)),
        ("CC BY-NC-ND", Terms(True, False, False, False)),
        ("https://creativecommons.org/licenses/by-nc/4.0/", Terms(True, False, True, False)),
        ("Creative Commons Attribution-NonCommercial 4.0", Terms(True, False, True, False)),
        ("NIH: free use with attribution", Terms(True, True, True, False)),
        ("NLM: free use with citation", Terms(True, True, True, False)),
        ("MIT License", Terms(True, True, True, False)),
        ("repository MIT; each film as where it was published", Terms()),
        ("research use only", Terms(commercial=False)),
        ("non-commercial use, no redistribution", Terms(False, False, None, None)),
    ],
)
def test_licences_are_read_as_stated(licence, expected):
    assert terms(licence) == expected
    assert terms(licence).words
