"""What a trained run says of the films it was not trained on.

Thresholds and calibration are chosen on the validation set alone. Held-out films of the training
sources stand beside each source left out; the two are never one number. Films are scored
in network pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.inference.postprocess import class_log_odds, film_probability, first_level
from infmap.inference.preprocess import Preprocessing
from infmap.study.activation import score_activation_maps
from infmap.study.config import StudyConfig
from infmap.study.evaluation import evaluate, evaluate_classifier
from infmap.study.examples import write_examples
from infmap.study.films import FilmTable, figures_by_set
from infmap.study.grid import Run
from infmap.study.paper_rule import least_area, map_areas
from infmap.study.records import COLUMNS, Budget, Chosen, FilmRow, Result, Timing
from infmap.study.splits import EXTERNAL, HELD_OUT, VALIDATION, films_of_part
from infmap.study.study import (
    EXAMPLES,
    FILMS,
    TIMING,
    Study,
    read_csv,
    scoring_of,
    write_csv,
    write_json,
)
from infmap.study.training_log import TRAINING_LOG, Diverged, read_training_log
from infmap.training.calibration import (
    Outputs,
    choose_infection,
    fit_detection,
    specific_point,
)
from infmap.training.config import TrainingConfig
from infmap.training.dataset import INFECTION, Films, load_films
from infmap.training.pack import find_pack
from infmap.training.predict import predict_films
from infmap.training.snapshot import read_rows
from infmap.training.validation import score_films

if TYPE_CHECKING:
    import torch

    from infmap.models import Network

CHUNK = 512  # films decoded and held at once
PANEL = "panel.npz"
PANEL_FILMS = 2  # each of the best, the median and the worst
Chunk: TypeAlias = tuple[Films, NDArray[np.uint8], NDArray[np.float32]]
"""Films with their maps uint8 (N, 3, S, S) and class logits float32 (N, 3)."""


@dataclass(frozen=True)
class Points:
    """What was chosen on the validation set.

    Attributes:
        thresholds: of film and pixel; the pixel's is that of the highest pooled F1 of the
            network's own map, as activation maps are cut.
        detection: the calibrated log-odds.
        films: number of validation films.
        least_area: of the paper's rule, pixels; 1 of a classifier, which has no map.
    """

    thresholds: Thresholds
    detection: PlattScaling
    films: int
    least_area: int = 1


@dataclass(frozen=True, eq=False)
class Scorer:
    """A trained network with the films of its split.

    Attributes:
        network: the torch network, on the device it is scored on.
        config: what it was trained by.
        rows: films of the split's snapshot, each in a part.
        resolve: row and path column to the file.
        groups: film_id to the group that is never divided.
    """

    network: Network
    config: TrainingConfig
    rows: list[Film]
    resolve: Callable[[Film, str], Path]
    groups: dict[str, str]

    def part(self, name: str) -> list[Film]:
        """Rows of one part, in the snapshot's order."""
        return films_of_part(self.rows, name)

    def load(self, rows: Sequence[Film]) -> Films:
        """Decode films."""
        spec = Preprocessing(size=self.config.size)
        pack = find_pack(self.config.snapshot, spec)
        return load_films(rows, self.resolve, spec, self.config.lung_sources, pack=pack)

    def chunks(self, rows: Sequence[Film]) -> Iterator[Chunk]:
        """Films with what the network says of them, so many at once as the memory holds."""
        for start in range(0, len(rows), CHUNK):
            films = self.load(rows[start : start + CHUNK])
            yield films, *predict_films(self.network, films, self.config)


def score_run(study: Study, run: Run, config: TrainingConfig, folder: Path) -> Result:
    """Score a trained run, and write its films.csv, timing.json and panel.npz.

    Args:
        study: the study.
        run: which run.
        config: what it was trained by.
        folder: the run's folder, holding the trained model.

    Returns:
        What becomes result.json.

    Raises:
        Diverged: a segmentation network's maps are the same everywhere, and find nothing.
        SnapshotError: a film cannot be loaded.
    """
    from infmap.models import describe
    from infmap.models.folder import load_network

    network = load_network(folder).to(_device(config))
    rows, resolve = read_rows(config.snapshot)
    groups = dict(zip((r["film_id"] for r in rows), film_groups(rows)))
    scorer = Scorer(network, config, rows, resolve, groups)
    size = describe(network, config.size)
    if config.network.frozen:
        # A frozen encoder's parameters are there, and stay as they were.
        learning = [p for n, p in network.named_parameters() if not n.startswith("encoder.")]
        size["trainable_parameters"] = float(sum(p.numel() for p in learning))
    points = choose_points(scorer, classifier=run.classifier)
    table = [
        film
        for part in (HELD_OUT, EXTERNAL)
        for chunk in scorer.chunks(scorer.part(part))
        for film in film_rows(scorer, points, part, chunk, study.config, run.classifier)
    ]
    write_csv(folder / FILMS, table, COLUMNS)
    figures = figures_by_set(FilmTable.of(read_csv(folder / FILMS)), study.config.draws)
    chosen: Chosen = {
        "infection": points.thresholds.infection,
        "covid": points.thresholds.covid,
        "chosen_on": f"{points.films} validation films, none of which is scored",
    }
    if not run.classifier:
        chosen["least_area"] = points.least_area
    result: Result = {
        "scoring": scoring_of(study.config),
        "thresholds": chosen,
        "size": size,
        "budget": _budget(folder / TRAINING_LOG, config),
        "metrics": figures["metrics"],
        "held_out": figures["held_out"],
        "external": figures["external"],
    }
    if run.classifier:
        result["activation_maps"] = score_activation_maps(scorer, study.config, folder)
    else:
        _write_panel(scorer, points, table, folder / PANEL)
    write_examples(scorer, study.config, folder / EXAMPLES, classifier=run.classifier)
    write_json(folder / TIMING, _timing(folder / TRAINING_LOG))
    return result


def choose_points(scorer: Scorer, *, classifier: bool) -> Points:
    """Threshold of the map and operating point of the class, on the validation set.

    Raises:
        Diverged: the maps of a segmentation network are constant and find nothing.
    """
    validation = scorer.load(scorer.part(VALIDATION))
    maps, logits = predict_films(scorer.network, validation, scorer.config)
    if not np.isfinite(logits).all():
        raise Diverged("the class's logits are not finite")
    score = score_films(maps, class_log_odds(logits), validation)
    infection = maps[:, 0]
    # Two levels of 255 are what rounding to 8 bits leaves of a constant map.
    if not classifier and score.pooled_f1 == 0 and int(infection.max()) - int(infection.min()) <= 2:
        raise Diverged(f"the infection map is {infection.max() / 255:.2f} everywhere: Dice is 0")
    outputs, thresholds = Outputs(validation, maps, logits), Thresholds()
    detection = fit_detection(outputs, thresholds) or PlattScaling()
    if classifier:
        found = np.array([film_probability(row, 0, 0.0, detection) for row in logits])
        point = specific_point(found, validation.covid19)
        return Points(thresholds.at(point), detection, len(validation))
    chosen = choose_infection(outputs, thresholds, detection) or thresholds
    if np.isfinite(score.pooled_f1):
        chosen = replace(chosen, infection=score.threshold)
    areas = map_areas(infection, chosen.infection)
    return Points(chosen, detection, len(validation), least_area(areas, validation.covid19))


def film_rows(
    scorer: Scorer,
    points: Points,
    part: str,
    chunk: Chunk,
    study: StudyConfig,
    classifier: bool,
) -> Iterator[FilmRow]:
    """Rows of films.csv."""
    outputs, at = Outputs(*chunk), points.thresholds
    if classifier:
        point = at.covid
        return evaluate_classifier(outputs, point, points.detection, scorer.groups, part)
    return evaluate(
        outputs, at, points.detection, scorer.groups, part, study.surface_tolerance,
        points.least_area, own_map=True,
    )  # fmt: skip


def _write_panel(scorer: Scorer, points: Points, table: Sequence[FilmRow], file: Path) -> None:
    """Keep the best, the median and the worst held-out films with infection, for the report."""
    scored = [r for r in table if r["set"] == HELD_OUT and r.get("tp") is not None]
    positive = sorted((r for r in scored if r["tp"] + r["fn"] > 0), key=lambda r: -r["dice"])
    if not positive:
        return
    middle = max(0, len(positive) // 2 - PANEL_FILMS // 2)
    places = {"best": 0, "median": middle, "worst": max(0, len(positive) - PANEL_FILMS)}
    picked = [
        (kind, film)
        for kind, start in places.items()
        for film in positive[start : start + PANEL_FILMS]
    ]
    by_id = {row["film_id"]: row for row in scorer.rows}
    films = scorer.load([by_id[film["film_id"]] for _, film in picked])
    maps, _ = predict_films(scorer.network, films, scorer.config)
    np.savez_compressed(
        file,
        kind=np.array([kind for kind, _ in picked]),
        film_id=np.array([film["film_id"] for _, film in picked]),
        dice=np.array([film["dice"] for _, film in picked]),
        images=films.images,
        truth=(films.masks & INFECTION) > 0,
        predicted=maps[:, 0] >= first_level(points.thresholds.infection),
    )


def _budget(log: Path, config: TrainingConfig) -> Budget:
    """Films seen and steps done: what does not depend on the clock."""
    records = read_training_log(log)
    steps = max((r["step"] for r in records if "step" in r), default=0)
    films = max((r["films"] for r in records if "films" in r), default=0)
    seen = steps * config.batch_size * config.micro_batches
    return {"training_films": films, "steps": steps, "films_seen": seen}


def _timing(log: Path) -> Timing:
    """What depends on the clock: the seconds of all attempts at training."""
    seconds, last = 0.0, 0.0
    for line in read_training_log(log):
        now = line["time"]
        seconds, last = seconds + (last if now < last else 0.0), now
    return {"train_s": round(seconds + last, 1)}


def _device(config: TrainingConfig) -> torch.device:
    import torch

    cuda = config.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if cuda else "cpu")
