"""Configurations in YAML files: typed, and refused in one line where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from infmap.core.errors import UsageError, needs_extra

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Refuses fields it does not know, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_yaml(path: Path, kind: type[Model], extra: str = "catalog") -> Model:
    """Read a YAML file as a configuration of one kind, its paths as they stand.

    Args:
        path: of the file.
        kind: the configuration's class.
        extra: of the distribution, which brings PyYAML to whoever asks.

    Raises:
        MissingExtra: PyYAML is not installed.
        UsageError: the file is missing, is not YAML, or a field is wrong.
    """
    with needs_extra("a configuration file", extra):
        import yaml
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """The first thing wrong with a configuration, in a line: the field and what is wrong."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "top level"
    return f"{where}: {first['msg']}"
