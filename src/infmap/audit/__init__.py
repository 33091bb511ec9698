"""What a network could learn from a catalog's films instead of the disease."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infmap.audit.counts import tables, text_rates
from infmap.audit.films import choose, frontal, read_sample
from infmap.audit.overlap import overlaps
from infmap.audit.probes import Auditor
from infmap.audit.report import AuditReport, write
from infmap.audit.verdict import verdict
from infmap.catalog.rows import pair_rows
from infmap.catalog.store import Catalog
from infmap.core.errors import UsageError

__all__ = ["FILMS_LIMIT", "AuditReport", "audit"]

# Films; bounds memory, 1.2 GB for 5,066 of them. Chosen by hand.
FILMS_LIMIT = 6000


def audit(
    catalog: Catalog,
    out: Path,
    seed: int = 0,
    films_limit: int = FILMS_LIMIT,
    progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Audit a catalog and write audit.html, audit.json, audit.csv and pictures.

    Tables and overlaps count every film; probes and the detector of writing look at a sample of
    frontal films, as evenly over the sources as their sizes allow.

    Args:
        catalog: the films; nothing is written to it.
        out: folder of the results, made if need be.
        seed: of sampling, folds, probes, shuffled labels and intervals.
        films_limit: most films read; 5,066 took 1.2 GB of memory.
        progress: called with films read and films to read.

    Raises:
        UsageError: fewer than one film to read, or the folder cannot be written.
        SnapshotError: the catalog has no films.
        MissingExtra: scikit-learn or matplotlib is not installed.
    """
    if films_limit < 1:
        raise UsageError(f"expected a limit of at least 1 film, got {films_limit}")
    films = catalog.films()
    candidates = frontal(films)
    sample = read_sample(catalog, choose(candidates, films_limit, seed), progress)
    auditor = Auditor(sample, seed)
    probes = list(auditor.run())
    rates, counted = text_rates(sample), tables(films)
    shared = overlaps(films, pair_rows(catalog.frame("duplicates")))
    deduplicated = all(row["duplicate_group"] is not None for row in films)
    report = AuditReport(
        findings=tuple(verdict(probes, rates, shared, counted, deduplicated)),
        probes=tuple(probes),
        rates=tuple(rates),
        overlaps=tuple(shared),
        tables=tuple(counted),
        films=len(films),
        read=len(sample.rows),
        lateral=len(films) - len(candidates),
        unmasked=int((~sample.masked).sum()),
        unread=tuple(sample.unread),
        seed=seed,
    )
    write(report, auditor.patterns, out)
    return report
