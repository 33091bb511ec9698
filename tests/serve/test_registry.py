"""The models of a server."""

from __future__ import annotations

import pytest

from infmap.api import model_folder
from infmap.core.errors import UsageError
from infmap.inference import read_manifest
from infmap.serve import registry
from infmap.serve.store import Store


def test_models_are_those_that_were_registered_last(store: Store) -> None:
    shipped = model_folder()
    with store.begin() as c:
        registry.register(c, {"old": shipped})
        registry.register(c, {"default": shipped})
        (one,) = registry.every(c)
        assert registry.named(c, ["default", "default"]) == [one]
        with pytest.raises(UsageError, match="one or more of default"):
            registry.named(c, ["old"])
        with pytest.raises(UsageError):
            registry.named(c, [])
    manifest = read_manifest(shipped)
    assert (one.name, one.label, one.sha256) == ("default", manifest.label, manifest.sha256)
    assert one.threshold == manifest.thresholds.infection
