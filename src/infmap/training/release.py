"""From a trained model folder to the one that the package ships."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from infmap.core.errors import ModelError, UsageError
from infmap.core.files import without_paths
from infmap.inference.manifest import Manifest, read_manifest, verify_files, write_manifest
from infmap.inference.onnx_graph import GRAPH, WEIGHTS

CARD, FILMS = "README.md", "films.txt"
LIMIT = 13 * 2**20
"""Bytes of a shipped folder at most: with the code, the wheel stays below 15 MB."""
SHIPPED = ("network.xml", "network.bin", WEIGHTS, GRAPH, FILMS)
"""Files taken from the trained folder: one runtime's network, the weights once, and their films."""


def release(trained: Path, target: Path, card: Path) -> Manifest:
    """Write the model folder that ships, and nothing else, into a new folder.

    The deployed network (``network.xml`` and ``.bin``) is copied as it is, so that every figure
    measured on the trained folder holds for the shipped one.

    Args:
        trained: finished by ``infmap train``, operating points fitted.
        target: the folder to be; must not exist.
        card: the model card, Markdown; it names the model's name and version.

    Returns:
        The shipped folder's manifest: that of the trained one, with the checksums of its files, and
        without the paths of the machine that it was trained on.

    Raises:
        UsageError: the target exists, or the card is of another model or version.
        ModelError: the trained folder is damaged or not finished, or too large to ship.
    """
    manifest = read_manifest(trained)
    verify_files(trained, manifest)
    if not manifest.training.finished:
        raise ModelError(f"{trained}: training has not finished; go on with infmap train --resume")
    if target.exists():
        raise UsageError(f"{target}: exists; release into a new folder")
    text = card.read_text(encoding="utf-8")
    title = f"# {manifest.name} {manifest.version}"
    if text.splitlines()[:1] != [title]:
        raise UsageError(f"{card}: expected its first line to be {title!r}")
    target.mkdir(parents=True)
    if not (trained / GRAPH).is_file():
        _weights_of_an_older_folder(trained, target, manifest.preprocessing.size)
    for name in SHIPPED:
        if not (target / name).exists():
            shutil.copyfile(trained / name, target / name)
    (target / CARD).write_text(text, encoding="utf-8")
    size = sum(file.stat().st_size for file in target.iterdir())
    if size > LIMIT:
        shutil.rmtree(target)
        raise ModelError(
            f"{trained}: {size / 2**20:.1f} MiB to ship, expected at most {LIMIT / 2**20:.0f}; "
            "an int8 network is half as large, see int8_loss of the configuration"
        )
    configuration = without_paths(manifest.training.configuration)
    if isinstance(configuration, dict):
        training = replace(manifest.training, configuration=configuration)
        manifest = replace(manifest, training=training)
    write_manifest(target, manifest)
    return read_manifest(target)


def _weights_of_an_older_folder(trained: Path, target: Path, size: int) -> None:
    """Weights and graph of a folder that infmap 0.1 trained: it has ``weights.pt`` alone."""
    from infmap.models.folder import load_network
    from infmap.training.export import write_weights

    write_weights(load_network(trained), target, size)
