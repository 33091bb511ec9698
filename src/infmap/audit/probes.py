"""Probes: small classifiers, cross-validated, that try to tell label or source from a view."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infmap.audit import views
from infmap.audit.films import Sample
from infmap.audit.patterns import Pattern, pattern
from infmap.catalog.groups import film_groups
from infmap.catalog.splits import assign_folds
from infmap.core.errors import needs_extra
from infmap.metrics import (
    Bootstrap,
    Estimate,
    auroc,
    auroc_draws,
    auroc_estimate,
    bootstrap_interval,
)
from infmap.metrics.intervals import Clusters

# Chosen by hand: a probe is to be cheap and the same everywhere, not as good as can be.
FOLDS = 5
COMPONENTS = 100
# Films and groups of a class below which an AUROC has an interval too wide to say anything.
FEWEST = 20
FEWEST_GROUPS = 10
TREES = 40
DRAWS = 1000
# Films that components are fitted on, and rows transformed at once: bounds of memory.
_FITTED = 2000
_ROWS = 512

Names = NDArray[np.str_]
Features = NDArray[np.float32]


class Classifier(Protocol):
    """What probes need of a classifier of scikit-learn."""

    classes_: Names

    def fit(self, features: Features, truth: Names) -> Classifier:
        """Fit; features (N, F), truth (N,)."""

    def predict_proba(self, features: Features) -> NDArray[np.float64]:
        """Probability of each class, (N, classes)."""


@dataclass(frozen=True)
class Probe:
    """How well one thing is predicted from one view.

    Attributes:
        view: what the probe was shown.
        told: "label" (COVID-19 against all else) or "source".
        among: the films: a source, "all sources", "COVID-19 films"; or "all but NAME, tested on
            NAME" where a source was left out.
        auroc: area under the ROC curve of films not trained on; for more than two sources the
            mean over sources, each against the rest. 95 % cluster bootstrap interval.
        accuracy: balanced accuracy (mean recall of the classes) with its interval.
        chance_auroc: ``auroc`` of a refit on shuffled labels; NaN where a source is left out.
        classes: class to number of films.
    """

    view: str
    told: str
    among: str
    auroc: Estimate
    accuracy: Estimate
    chance_auroc: float
    classes: dict[str, int]


@dataclass(frozen=True)
class Task:
    """What to tell, and among which films.

    Attributes:
        told: "label" or "source".
        among: what the films are called.
        truth: str (N,), class of every film; empty where it takes no part.
    """

    told: str
    among: str
    truth: Names


COVID, OTHER = "COVID-19", "other"


def labels(sample: Sample) -> Names:
    """Class of every film, "" where unknown."""
    names = {True: COVID, False: OTHER, None: ""}
    return np.array([names[row["covid19"]] for row in sample.rows])


def tasks(sample: Sample, groups: Names) -> list[Task]:
    """What can be asked of these films: classes of too few films or patients are left out."""
    source = np.array([str(row["source"]) for row in sample.rows])
    label = labels(sample)
    found = [Task("label", name, np.where(source == name, label, "")) for name in np.unique(source)]
    if len(np.unique(source)) > 1:
        found += [
            Task("label", "all sources", label),
            Task("source", "all sources", source),
            Task("source", "COVID-19 films", np.where(label == COVID, source, "")),
        ]
    return [kept for task in found if (kept := _enough(task, groups))]


def _enough(task: Task, groups: Names) -> Task | None:
    truth = task.truth.copy()
    for name in np.unique(truth):
        own = truth == name
        if own.sum() < FEWEST or len(np.unique(groups[own])) < FEWEST_GROUPS:
            truth[own] = ""
    if len(np.unique(truth[truth != ""])) < 2:
        return None
    return Task(task.told, task.among, truth)


class Auditor:
    """All probes of one sample.

    Args:
        sample: the films.
        seed: of folds, projections, classifiers, permutations and intervals.
    """

    def __init__(self, sample: Sample, seed: int) -> None:
        self.sample, self.seed = sample, seed
        self.groups: Names = np.array(film_groups(sample.rows))
        self.folds = np.array(assign_folds(sample.rows, FOLDS, seed))
        self.tasks = tasks(sample, self.groups)
        self.patterns: list[Pattern] = []

    def run(self) -> Iterator[Probe]:
        """Probes view by view, so that one view is in memory at a time."""
        for view in views.PIXEL_VIEWS:
            films = views.films_of(self.sample, view)
            if len(films):
                yield from self._pixels(view, films)
        for view in (views.HISTOGRAM, views.SIZE):
            yield from self._table(view)

    def _pixels(self, view: str, films: NDArray[np.int64]) -> Iterator[Probe]:
        pictures, texture, seen = views.pixel_view(self.sample, view, films)
        fold = self.folds[films]
        reduced = [self._reduce(pictures, texture, fold != k) for k in range(FOLDS)]
        for task in self._of(films):
            part = np.flatnonzero(task.truth[films] != "")
            here = films[part]
            probe, score = self._probe(
                view, task, here, [features[part] for features in reduced], _logistic
            )
            yield probe
            if task.told == "label":
                self.patterns.append(
                    pattern(view, task.among, pictures[part], task.truth[here], score, seen)
                )
        for name, train, test in self._left_out(films):
            features = self._reduce(pictures, texture, train)
            yield self._tested(view, name, films, features, train, test, _logistic)

    def _table(self, view: str) -> Iterator[Probe]:
        features = views.table_view(self.sample, view)
        everything = np.arange(len(features))
        for task in self._of(everything):
            here = np.flatnonzero(task.truth != "")
            yield self._probe(view, task, here, [features[here]] * FOLDS, _boosting)[0]
        for name, train, test in self._left_out(everything):
            yield self._tested(view, name, everything, features, train, test, _boosting)

    def _of(self, films: NDArray[np.int64]) -> Iterator[Task]:
        """Tasks that still have enough films when only these have the view."""
        for task in self.tasks:
            truth = np.full_like(task.truth, "")
            truth[films] = task.truth[films]
            kept = _enough(Task(task.told, task.among, truth), self.groups)
            if kept:
                yield kept

    def _left_out(
        self, films: NDArray[np.int64]
    ) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Each source with both classes to be tested on, the others to learn from."""
        truth = labels(self.sample)[films]
        source = np.array([str(self.sample.rows[i]["source"]) for i in films])
        groups = self.groups[films]
        for name in np.unique(source):
            test = (source == name) & (truth != "")
            train = (source != name) & (truth != "") & ~np.isin(groups, groups[test])
            both = [
                _enough(Task("label", "", np.where(part, truth, "")), groups)
                for part in (test, train)
            ]
            if all(both):
                yield str(name), train, test

    def _reduce(
        self, pictures: NDArray[np.uint8], texture: Features, train: NDArray[np.bool_]
    ) -> Features:
        """Principal components and texture of all films, each with the training films' spread 1.

        The components are fitted on at most 2,000 of the training films.
        """
        decomposition = _import("decomposition")
        rng = np.random.default_rng(self.seed)
        fitted = rng.permutation(np.flatnonzero(train))[:_FITTED]
        flat = pictures.reshape(len(pictures), -1)
        size = min(COMPONENTS, len(fitted) - 1)
        pca = decomposition.PCA(
            size, whiten=True, svd_solver="randomized", iterated_power=3, random_state=self.seed
        )
        pca.fit(flat[fitted].astype(np.float32) / 255)
        parts = [
            pca.transform(flat[at : at + _ROWS].astype(np.float32) / 255)
            for at in range(0, len(flat), _ROWS)
        ]
        # 1e-3: a texture that does not vary among the training films must not be blown up.
        scaled = (texture - texture[fitted].mean(0)) / np.maximum(texture[fitted].std(0), 1e-3)
        return np.concatenate([np.concatenate(parts), scaled], axis=1).astype(np.float32)

    def _probe(
        self,
        view: str,
        task: Task,
        films: NDArray[np.int64],
        features: Sequence[Features],
        learner: Callable[[int], Classifier],
    ) -> tuple[Probe, NDArray[np.float64]]:
        truth, groups = task.truth[films], self.groups[films]
        fold = self.folds[films]
        score = _cross_validated(learner(self.seed), features, truth, fold)
        # What the same probe reaches on labels without meaning: a check of the probe itself.
        shuffled = np.random.default_rng(self.seed).permutation(truth)
        guess = _cross_validated(learner(self.seed), features, shuffled, fold)
        chance = _mean_auroc(shuffled, guess)
        area, accuracy = _figures(truth, score, groups, self.seed)
        counts = dict(zip(*(part.tolist() for part in np.unique(truth, return_counts=True))))
        probe = Probe(view, task.told, task.among, area, accuracy, chance, counts)
        return probe, score[:, 0]

    def _tested(
        self,
        view: str,
        name: str,
        films: NDArray[np.int64],
        features: Features,
        train: NDArray[np.bool_],
        test: NDArray[np.bool_],
        learner: Callable[[int], Classifier],
    ) -> Probe:
        truth = labels(self.sample)[films]
        model = _fit(learner(self.seed), features[train], truth[train])
        score = model.predict_proba(features[test])
        area, accuracy = _figures(truth[test], score, self.groups[films][test], self.seed)
        counts = {kind: int((truth[test] == kind).sum()) for kind in (COVID, OTHER)}
        among = f"all but {name}, tested on {name}"
        return Probe(view, "label", among, area, accuracy, float("nan"), counts)


def _import(name: str) -> ModuleType:
    with needs_extra("infmap catalog audit", "catalog"):
        return importlib.import_module(f"sklearn.{name}")


def _fit(model: Classifier, features: Features, truth: Names) -> Classifier:
    """Fit a probe; the last steps of an optimizer do not move it, so its warning is not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", _import("exceptions").ConvergenceWarning)
        return model.fit(features, truth)


def _logistic(seed: int) -> Classifier:
    model: Classifier = _import("linear_model").LogisticRegression(
        # Stronger regularised than the default 1: 100 components on a few hundred films.
        C=0.1,
        class_weight="balanced",
        max_iter=500,
        random_state=seed,
    )
    return model


def _boosting(seed: int) -> Classifier:
    model: Classifier = _import("ensemble").HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=8,
        max_bins=63,
        early_stopping=False,
        class_weight="balanced",
        random_state=seed,
    )
    return model


def _cross_validated(
    model: Classifier, features: Sequence[Features], truth: Names, fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probability of each class, sorted by name, of each film by a model not fitted on it.

    A class that no training film of a fold has gets 0 there.
    """
    names = np.unique(truth)
    score = np.zeros((len(truth), len(names)))
    for k in np.unique(fold):
        held = fold == k
        if len(np.unique(truth[~held])) < 2:
            continue
        _fit(model, features[k][~held], truth[~held])
        columns = np.searchsorted(names, model.classes_)
        score[np.ix_(held, columns)] = model.predict_proba(features[k][held])
    return score


def _mean_auroc(truth: Names, score: NDArray[np.float64]) -> float:
    names = _told(truth)
    return float(np.mean([auroc(truth == name, score[:, n]) for n, name in names]))


def _told(truth: Names) -> list[tuple[int, str]]:
    """Classes whose areas are averaged; of two, one says all."""
    names = list(enumerate(np.unique(truth).tolist()))
    return names[:1] if len(names) == 2 else names


def _figures(
    truth: Names, score: NDArray[np.float64], groups: Names, seed: int
) -> tuple[Estimate, Estimate]:
    """AUROC and balanced accuracy with their intervals over groups."""
    names = np.unique(truth)
    told, bootstrap = _told(truth), Bootstrap(groups, DRAWS, seed)
    if len(told) == 1:
        area = auroc_estimate(truth == names[0], score[:, 0], groups)
    else:
        drawn = np.mean([auroc_draws(truth == name, score[:, n], bootstrap) for n, name in told], 0)
        ends = Clusters(groups).percentiles(drawn, bootstrap.level)
        area = Estimate(_mean_auroc(truth, score), *ends, len(truth))
    code = np.searchsorted(names, truth)
    right = score.argmax(axis=1) == code

    def balanced(rows: NDArray[np.int64]) -> float:
        films = np.bincount(code[rows], minlength=len(names))
        hits = np.bincount(code[rows], right[rows], minlength=len(names))
        return float(np.mean(hits / films)) if films.all() else float("nan")

    ends = bootstrap_interval(balanced, bootstrap)
    return area, Estimate(balanced(np.arange(len(truth))), *ends, len(truth))
