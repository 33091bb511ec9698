"""Score trained runs again, without training them: after a change of what is scored, or how."""

from __future__ import annotations

from infmap.core.errors import UsageError
from infmap.study.claim import claim
from infmap.study.grid import Run, training_config
from infmap.study.queue import Say
from infmap.study.records import Scoring
from infmap.study.study import RESULT, Study, scoring_of, write_json


def outdated(study: Study) -> list[Run]:
    """Done runs whose result was scored in another way than the study says now."""
    now = scoring_of(study.config)
    return [
        run
        for run in study.runs
        if (result := study.result(run)) is not None
        and not _same(result.get("scoring"), now, classifier=run.classifier)
    ]


def _same(one: Scoring | None, other: Scoring, *, classifier: bool) -> bool:
    """Whether two scorings give the same; activation maps are of classifiers alone."""
    if one is None or classifier:
        return one == other
    return (one["version"], one["draws"], one["surface_tolerance"]) == (
        other["version"], other["draws"], other["surface_tolerance"]
    )  # fmt: skip


def score_again(study: Study, say: Say) -> int:
    """Score the outdated runs, one after another, in this process.

    Stopped at any moment it goes on with the next call: a result is replaced when it is whole.

    Args:
        study: the study.
        say: called with a record whenever a run begins or ends.

    Returns:
        How many were scored; those that another process holds are left to it.

    Raises:
        UsageError: a run is damaged.
    """
    from infmap.study.scoring import score_run

    due = outdated(study)
    done = 0
    for place, run in enumerate(due):
        folder = study.path(run)
        with claim(folder) as mine:
            if not mine:
                continue
            say({"run": run.id, "state": "scoring", "finished": place, "total": len(due)})
            config = training_config(study.config, run, study.split(run).resolve())
            try:
                write_json(folder / RESULT, score_run(study, run, config, folder))
            except OSError as error:
                raise UsageError(f"{folder}: cannot be scored: {error}") from error
            done += 1
            say({"run": run.id, "state": "scored", "finished": place + 1, "total": len(due)})
    return done
