"""The models of a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import update

from infmap.api import model_folder
from infmap.compute.lock import hold
from infmap.core.errors import UsageError
from infmap.inference import read_manifest
from infmap.serve import registry, schema
from infmap.serve.store import Store
from infmap.serve.worker import Workers


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


def test_models_of_others_at_work_stay_beside(store: Store, tmp_path: Path) -> None:
    shipped = model_folder()
    other = tmp_path / "other"
    shutil.copytree(shipped, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"version": "9.9"}))
    with store.begin() as c:
        registry.register(c, {"first": shipped, "both": shipped})
        registry.register(c, {"second": other, "both": shipped}, alone=False)
        assert [model.name for model in registry.every(c)] == ["both", "first", "second"]
        with pytest.raises(UsageError, match="model both: expected"):
            registry.register(c, {"both": other}, alone=False)
        registry.register(c, {"both": other})
        assert [model.label.partition("@")[2] for model in registry.every(c)] == ["9.9"]


def test_workers_beside_others_refuse_another_model_of_one_name(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "server")
    store.owners.mkdir()
    with store.begin() as c:
        registry.register(c, {"default": model_folder()})
        c.execute(update(schema.models).values(sha256="f" * 64))
    with hold(store.owners / "other"):
        workers = Workers(store.folder, None, {"default": model_folder()}, 1)
        with pytest.raises(UsageError, match="give yours another name"):
            workers.start()
    # Nothing of the refused one is left, and the other's model stands.
    assert [path.name for path in store.owners.iterdir()] == ["other"]
    with store.read() as c:
        assert [model.sha256 for model in registry.every(c)] == ["f" * 64]
    store.close()
