"""A study from its configuration file to its tables and report."""

from __future__ import annotations

from pathlib import Path

from infmap.api import model_folder
from infmap.core.errors import needs_extra
from infmap.study.cluster import create_launcher
from infmap.study.config import check_names, read_study
from infmap.study.page import write_page
from infmap.study.paper import paper_tables
from infmap.study.queue import Say, Summary, run_study, summarize
from infmap.study.report import write_report
from infmap.study.rescore import score_again
from infmap.study.study import Study, create_study
from infmap.study.tables import write_tables


def run_grid(
    config: Path,
    out: Path,
    say: Say,
    *,
    on: str = "local",
    workers: int | None = None,
    retry: bool = False,
    prepare: bool = False,
) -> tuple[Summary, Path]:
    """Run a study, or go on where it stopped, and write its tables.

    Args:
        config: YAML file of the study.
        out: folder of the study.
        say: called with a record whenever a run ends.
        on: local, ray, or ray://HOST:PORT.
        workers: runs at once; None: one a GPU, else one.
        retry: start failed runs again.
        prepare: make the folder, or let it grow, and start no run.

    Returns:
        How many runs are in which state, and the table of all runs.

    Raises:
        UsageError: the configuration is wrong, or belongs to another study than ``out`` holds.
        MissingExtra: torch, or Ray where it is asked for, is not installed.
    """
    settings = read_study(config)
    with needs_extra("infmap study run", "train"):
        check_names(settings)
    study = create_study(settings, out)
    if prepare:
        return summarize(study), write_tables(study)
    launcher = create_launcher(on, out, settings.limits, workers)
    summary = run_study(study, launcher, say, retry=retry)
    return summary, write_tables(study)


def score_study(
    folder: Path, say: Say, beside: str | None = None, rounds: int = 0
) -> tuple[int, Path]:
    """Score runs of an earlier scoring again, see ``score_again``; how many, and the table.

    Args:
        folder: of the study.
        say: called with a record whenever a run begins or ends.
        beside: a model folder or name that is scored on the study's films too.
        rounds: turns in which all networks are timed, see ``time_networks``; 0: they are not.

    Raises:
        UsageError: the folder holds no study, or no network to time.
        ModelError: the model is damaged or unknown.
        MissingExtra: torch is not installed.
    """
    study = Study(folder)
    with needs_extra("infmap study score", "train"):
        import torch  # noqa: F401
    if beside is not None:
        from infmap.study.beside import score_beside

        score_beside(study, model_folder(beside))
    scored = score_again(study, say)
    if rounds:
        from infmap.study.speed import time_networks

        time_networks(study, rounds, beside)
    return scored, write_tables(study)


def report_study(folder: Path, into: Path | None = None) -> Path:
    """Write a study's tables and its report again, also while it runs; the report's page.

    Args:
        folder: of the study, or of a collected one.
        into: a page of documentation whose tables are replaced, see ``write_page``.

    Raises:
        UsageError: the folder holds no study, or the page has no marks.
    """
    study = Study(folder)
    write_tables(study)
    texts = paper_tables(study)
    report = write_report(study, texts)
    if into is not None:
        write_page(study, texts, into)
    return report
