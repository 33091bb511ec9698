"""Tests of `infmap.catalog.yaml_file`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from infmap.catalog.yaml_file import Strict, read_yaml
from infmap.core.errors import MissingExtra, UsageError


class Settings(Strict):
    """A small configuration."""

    name: str
    folds: int = 5


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_becomes_typed_settings_that_do_not_change(tmp_path: Path) -> None:
    found = read_yaml(written(tmp_path, "name: a\n"), Settings)
    assert (found.name, found.folds) == ("a", 5)
    with pytest.raises(ValidationError, match="frozen"):
        found.folds = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nfold: 3\n", "fold"),
        ("name: a\nfolds: many\n", "folds"),
        ("folds: 3\n", "name"),
        ("name: [a\n", "is not YAML"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_yaml(written(tmp_path, text), Settings)
    assert "\n" not in str(caught.value)
    assert "settings.yaml" in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path / "gone.yaml", Settings)


def test_without_pyyaml_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match="a configuration file"):
        read_yaml(written(tmp_path, "name: a\n"), Settings)
