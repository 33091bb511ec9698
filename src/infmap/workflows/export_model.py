"""What ``infmap export`` does: a model as one ONNX file, with all that its use needs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infmap import __version__
from infmap.core.errors import ModelError, UsageError
from infmap.core.files import sha256
from infmap.inference.manifest import (
    MANIFEST,
    NETWORK_FILES,
    Manifest,
    read_manifest,
    verify_files,
    write_manifest,
)
from infmap.inference.onnx_graph import join_network
from infmap.inference.postprocess import AMOUNT_FLOOR, AMOUNT_ORDER
from infmap.report.files import make_folder, write_atomically, writing

if TYPE_CHECKING:
    from onnx import ModelProto

NETWORK, CARD, GOLDEN = "network.onnx", "README.md", "golden.json"
NOTICE = (
    "Research use only. Not a medical device. The weights are not under the licence of the code: "
    "see LICENSE-WEIGHTS of infmap for those that it ships, and the licences of the training "
    "images for others."
)
MAPS = ("infection", "opacity", "lungs")
CLASSES = ("covid19", "other pneumonia", "normal")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        model: name@version.
        network: the ONNX file.
        card: how to use it, Markdown.
        sha256: of the ONNX file, hexadecimal.
    """

    model: str
    network: Path
    card: Path
    sha256: str


def export_model(folder: Path, out: Path) -> Exported:
    """Write a model as ONNX, float32, without torch.

    Args:
        folder: the model folder.
        out: a file ``*.onnx``, its card written beside it as ``*.md``; or a folder, which becomes
            a model folder of its own: ``network.onnx``, ``manifest.json`` and ``README.md``.

    Raises:
        MissingExtra: onnx or safetensors is not installed.
        ModelError: the folder is no model folder, is damaged, or has no network for ONNX.
        UsageError: the output cannot be written, or would replace what is no export.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    manifest = replace(manifest, training=replace(manifest.training, precision="float"))
    network = join_network(folder)
    describe(network, manifest)
    text = write_card(manifest, _text(folder / CARD))
    content = network.SerializeToString()
    if out.suffix.lower() == ".onnx":
        file, card = out, out.with_suffix(".md")
        if card.exists() and not (_text(card) or "").startswith(_title(manifest)[:2]):
            raise UsageError(f"{card}: is no model card and would be replaced; choose another name")
        make_folder(file.parent)
    else:
        _check_folder(out)
        file, card = make_folder(out) / NETWORK, out / CARD
    write_atomically(file, lambda stream: stream.write(content))
    write_atomically(card, lambda stream: stream.write(text.encode()))
    if out.suffix.lower() != ".onnx":
        _complete(folder, out, manifest)
    return Exported(manifest.label, file, card, sha256(file))


def describe(network: ModelProto, manifest: Manifest) -> None:
    """Write into an ONNX model what a program needs to use it.

    Args:
        network: its ``metadata_props``, producer and text are replaced.
        manifest: of the model; each of its parts becomes a property, as JSON.
    """
    import onnx

    network.producer_name, network.producer_version = "infmap", __version__
    network.doc_string = f"{manifest.label}. {NOTICE}"
    fields = asdict(manifest)
    properties = {
        "infmap_model": manifest.label,
        "infmap_notice": NOTICE,
        "infmap_maps": json.dumps(MAPS),
        "infmap_classes": json.dumps(CLASSES),
        "infmap_sources": json.dumps(manifest.training.sources),
    }
    for name in ("preprocessing", "thresholds", "detection", "severity"):
        properties[f"infmap_{name}"] = json.dumps(fields[name], allow_nan=False)
    onnx.helper.set_model_props(network, properties)


def write_card(manifest: Manifest, card: str | None) -> str:
    """The card of an ONNX file: how to use it, then the model's own card, if it has one."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("infmap.workflows", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    )
    template = environment.get_template("export_card.md.j2")
    return template.render(
        title=_title(manifest),
        notice=NOTICE,
        manifest=manifest,
        second=manifest.training.configuration.get("second_reading"),
        order=AMOUNT_ORDER,
        floor=AMOUNT_FLOOR,
        card="" if card is None else card.replace("\n#", "\n##").replace("# ", "## ", 1),
    )


def _title(manifest: Manifest) -> str:
    return f"# {manifest.label} as ONNX"


def _text(file: Path) -> str | None:
    """Text of a file, or None where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as text: {error}") from error


def _check_folder(out: Path) -> None:
    """Refuse to write into a model folder that is not an export."""
    others = [name for name in NETWORK_FILES if name != NETWORK and (out / name).exists()]
    if others:
        raise UsageError(f"{out}: is a model folder, it has {others[0]}; export to another folder")


def _complete(folder: Path, out: Path, manifest: Manifest) -> None:
    """Make a model folder of a folder that has its network: manifest and reference outputs."""
    with writing(out / MANIFEST):
        write_manifest(out, manifest)
    golden = json.loads(_text(folder / GOLDEN) or "{}")
    kept = {name: figures for name, figures in golden.items() if name == "onnxruntime"}
    if kept:
        text = json.dumps(kept, indent=2) + "\n"
        write_atomically(out / GOLDEN, lambda stream: stream.write(text.encode()))
