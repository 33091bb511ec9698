"""Networks and sources as a page names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from infmap.study.grid import Run
from infmap.study.records import Result

DECODERS = {"unet": "U-Net", "unet++": "UNet++", "dla": "DLA", "none": "classifier"}
ENCODERS = {
    "chexnet": "CheXNet",
    "densenet121": "DenseNet-121",
    "inception_v3": "Inception-v3",
    "resnet50": "ResNet-50",
    "efficientnet_lite0": "Lite0",
}
SOURCES = {
    "actualmed": "Actualmed",
    "chestxray14": "ChestX-ray14",
    "cohen": "Cohen",
    "covid-cxnet": "COVID-CXNet",
    "covid-qu-ex": "COVID-QU-Ex",
    "covid19-radiography": "Radiography",
    "general-blockchain": "General Blockchain",
    "kermany": "Kermany",
}
METHODS = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "scorecam": "Score-CAM",
    "layercam": "Layer-CAM",
    "eigencam": "Eigen-CAM",
}


def encoder_name(run: Run) -> str:
    """A run's encoder and whether it was trained."""
    return f"{ENCODERS.get(run.encoder, run.encoder)}, {'frozen' if run.frozen else 'trained'}"


def run_names(runs: Sequence[Run], seeds: Sequence[int]) -> dict[str, str]:
    """Id of each run to its name: decoder, encoder and regime; fold and seed where they differ.

    Args:
        runs: of a study.
        seeds: of its grid; of a run that repeats with another one its seed is said.
    """
    several = len({run.fold for run in runs}) > 1
    names = {}
    for run in runs:
        fold = f", {run.fold}" if several else ""
        seed = f", seed {run.seed}" if [run.seed] != list(seeds) else ""
        decoder = DECODERS.get(run.decoder, run.decoder)
        names[run.id] = f"{decoder}, {encoder_name(run)}{fold}{seed}"
    return names


def source_name(source: str) -> str:
    """A source's name in text."""
    return SOURCES.get(source, source)


def drawn_source(results: Iterable[Result]) -> str | None:
    """The held-out source with the most films of drawn infection; None where there is none."""
    films: dict[str, int] = {}
    for result in results:
        for source, figures in result.get("held_out", {}).items():
            drawn = figures.get("infection_dice_positive")
            if drawn is not None:
                films[source] = max(films.get(source, 0), drawn["n"])
    positive = {source: n for source, n in films.items() if n}
    return max(positive, key=lambda source: positive[source]) if positive else None
