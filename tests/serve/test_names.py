"""Names of films."""

from __future__ import annotations

from infmap.serve.names import MOST_LETTERS, shown


def test_names_are_kept_printable_and_short() -> None:
    assert shown("a\x00b\n\ud800c") == "a_b__c"
    assert shown("") == shown(" ") == "film"
    assert shown("x" * 600 + ".png").endswith("x.png")
    assert len(shown("x" * 600)) == MOST_LETTERS
