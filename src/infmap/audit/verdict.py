"""The verdict: plain sentences by fixed rules, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infmap.audit import views
from infmap.audit.counts import CLASSES, Rate, Table
from infmap.audit.overlap import SIDES, Overlap
from infmap.audit.probes import COVID, FEWEST, OTHER, Probe
from infmap.metrics import Estimate

# AUROC at the lower end of the interval. Chosen by hand: words for a reader, not a test.
HIGH, PARTLY = 0.8, 0.6
BAD, CAUTION, NOTE = "shortcut", "caution", "note"
_BLIND = (views.WITHOUT_LUNGS, views.WITHOUT_BOX, views.EDGE)
_FROM = {
    views.WITHOUT_LUNGS: "films with the lungs blanked out",
    views.WITHOUT_BOX: "films with the whole box around the lungs blanked out",
    views.EDGE: f"the outer {views.BORDER:.0%} of the film",
    views.SIZE: "the size and type of the file",
}
_LABEL = (
    (HIGH, BAD, "A network can score high on these films without seeing the disease: "
     "report results on sources left out of training."),
    (PARTLY, CAUTION, "Part of any score on these films may come from what is not disease."),
    (0.5, NOTE, "Little, but more than chance."),
    (0.0, NOTE, "Not more than chance for this probe; a larger network may find more."),
)  # fmt: skip

_NOT_DEDUPLICATED = (
    "Duplicates were not looked for in this catalog, so one exposure may be on both sides of a "
    "probe: run infmap catalog dedup."
)


@dataclass(frozen=True)
class Finding:
    """One sentence of the verdict.

    Attributes:
        grade: "shortcut", "caution" or "note".
        text: the sentence.
    """

    grade: str
    text: str


def verdict(
    probes: Sequence[Probe],
    rates: Sequence[Rate],
    overlaps: Sequence[Overlap],
    tables: Sequence[Table],
    deduplicated: bool,
) -> list[Finding]:
    """All findings, worst first.

    The grade of a probe goes by the lower end of its interval: 0.8 or more is a shortcut, 0.6 or
    more calls for caution.
    """
    found = [
        *_labels(probes),
        *_sources(probes),
        *_left_out(probes),
        *_text(rates),
        *_overlaps(overlaps),
        *_classes(tables),
    ]
    if not deduplicated:
        found.append(Finding(CAUTION, _NOT_DEDUPLICATED))
    order = (BAD, CAUTION, NOTE)
    return sorted(found, key=lambda finding: order.index(finding.grade))


def interval(estimate: Estimate, digits: int = 2) -> str:
    """A figure with its interval: 0.97 [0.95, 0.98]."""
    if estimate.low != estimate.low:
        return f"{estimate.value:.{digits}f} [no interval]"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _labels(probes: Sequence[Probe]) -> Iterator[Finding]:
    by = {(p.among, p.view): p for p in probes if p.told == "label" and "tested" not in p.among}
    for among in dict.fromkeys(name for name, _ in by):
        blind = [by[among, view] for view in _BLIND if (among, view) in by]
        if not blind:
            continue
        shown = by.get((among, views.WITHOUT_LUNGS)) or blind[0]
        whole = by.get((among, views.WHOLE))
        grade, advice = _graded(shown.auroc.low)
        also = "; ".join(
            f"from {_FROM[probe.view]} {interval(probe.auroc)}"
            for probe in blind
            if probe is not shown
        )
        text = f"{_capital(among)}: COVID-19 is predicted from {_FROM[shown.view]} with AUROC "
        text += interval(shown.auroc) + (f" ({also})" if also else "")
        if whole:
            text += f"; the same probe reaches {interval(whole.auroc)} with the lungs in view"
        yield Finding(grade, f"{text}. {advice}")
        size = by.get((among, views.SIZE))
        if size and size.auroc.low > 0.5:
            grade, advice = _graded(size.auroc.low)
            text = f"{_capital(among)}: COVID-19 is predicted from {_FROM[views.SIZE]} alone with "
            yield Finding(grade, f"{text}AUROC {interval(size.auroc)}. {advice}")


def _graded(low: float) -> tuple[str, str]:
    """Grade and advice by the lower end; without an interval nothing is claimed."""
    return next(((grade, text) for least, grade, text in _LABEL if low >= least), _LABEL[-1][1:])


def _sources(probes: Sequence[Probe]) -> Iterator[Finding]:
    for probe in probes:
        if probe.told != "source" or probe.view not in (views.WITHOUT_LUNGS, views.SIZE):
            continue
        among = "" if probe.among == "all sources" else f" among {probe.among}"
        text = (
            f"The source of a film is predicted{among} from {_FROM[probe.view]} with AUROC "
            f"{interval(probe.auroc)} and balanced accuracy {interval(probe.accuracy)} "
            f"({len(probe.classes)} sources, chance {1 / len(probe.classes):.2f})."
        )
        low = probe.auroc.low
        yield Finding(BAD if low >= HIGH else CAUTION if low >= PARTLY else NOTE, text)


def _left_out(probes: Sequence[Probe]) -> Iterator[Finding]:
    own = {p.among: p for p in probes if p.told == "label" and p.view == views.WHOLE}
    together = own.get("all sources")
    for among, probe in own.items():
        if "tested on" not in among or together is None:
            continue
        name = among.rpartition(" ")[2]
        text = (
            f"Trained on the whole films of the other sources and tested on {name}, the probe "
            f"tells COVID-19 with AUROC {interval(probe.auroc)}, against {interval(together.auroc)}"
            " when all sources are on both sides."
        )
        fell = probe.auroc.high < together.auroc.low
        if fell:
            text += " What it learns does not carry over."
        yield Finding(CAUTION if fell else NOTE, text)


def _text(rates: Sequence[Rate]) -> Iterator[Finding]:
    by = {rate.among: rate for rate in rates}
    for name in dict.fromkeys(among.rpartition(": ")[0] for among in by):
        prefix = f"{name}: " if name else ""
        covid, other = by.get(f"{prefix}{COVID}"), by.get(f"{prefix}{OTHER}")
        if not covid or not other or min(covid.marked.n, other.marked.n) < FEWEST:
            continue
        one, two = covid.marked, other.marked
        if one.low > two.high or two.low > one.high:
            yield Finding(
                CAUTION,
                f"{_capital(name or 'all sources')}: writing or a marker was found on "
                f"{_percent(one)} of COVID-19 films and {_percent(two)} of the others.",
            )


def _percent(rate: Estimate) -> str:
    return f"{100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def _overlaps(overlaps: Sequence[Overlap]) -> Iterator[Finding]:
    """One sentence for both directions of a pair of sides."""
    by = {(o.column, o.first, o.second): o for o in overlaps}
    for one in overlaps:
        other = by.get((one.column, one.second, one.first))
        if other is None or one.first > one.second:
            continue
        text = (
            f"{_capital(SIDES[one.column])}: {one.films} of {one.total} films of {one.first} and "
            f"{other.films} of {other.total} of {other.first} share a patient or an exposure "
            f"({one.patients} patients, {one.pairs} duplicate pairs)."
        )
        yield Finding(NOTE if one.column == "source" else CAUTION, text)


def _classes(tables: Sequence[Table]) -> Iterator[Finding]:
    for source, films in next(t.values for t in tables if t.name == "source").items():
        known = sum(films) - films[CLASSES.index("unknown")]
        if known and films[0] in (0, known):
            which = "no" if films[0] == 0 else "only"
            yield Finding(
                CAUTION,
                f"{_capital(source)} has {which} COVID-19 films: pooled with other sources, "
                "to know the source is to know the label.",
            )


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}" if text in ("all sources", *SIDES.values()) else text
