"""What two stages of readers and networks together save against drawing every mask by hand.

    python benchmarks/collaboration.py FOLDER --cache FILE -o DIR [--seeds 5]
        [--films FILE] [--model FOLDER] [--scenarios NAME,...]

FOLDER is COVID-QU-Ex's Val/COVID-19 (images, infection masks, lung masks): 466 films whose
published masks are the hidden truth. Readers are simulated (``collaboration_readers.py``); the
networks are trained in every round on what is approved so far (``collaboration_networks.py``).
Stage I: 24 films are outlined by hand, networks trained on half of them propose for the other half,
and the reader keeps the better of hand and machine. Stage II: in four rounds networks propose for
all films left; those on which they disagree most come first (or by lot), and the reader keeps,
edits or draws. With other numbers of films each part has the same share of them. Proposals are
smoothed, and one is shown of a film, as the station does it and by its own code
(``infmap.annotation.smoothing`` and ``ranking``).

--films names the films to take, one a line, and --model the network that stands in place of the
shipped one: a confirmation needs films on which nothing was chosen, and a network that was not
trained on them.

Scenarios: "station", the shipped model proposes beside the networks trained in the rounds (it was
trained on COVID-QU-Ex Train, so it is an in-source network that has not seen these films as
training images; its threshold was chosen on Val); "random order"; "from nothing", without the
shipped model; "credulous readers", who keep what is not good enough; "careful readers", who draw
twice as exactly and keep only what is as exact. What else was tried: "two candidates";
"as networks draw", not smoothed; "second where apart", two candidates of films on which networks
differ; "poor ones drawn", films whose proposal is likely poor show none.

DIR gets results.json and rounds.png. Intervals are 95 %, by film: a film's figures are averaged
over seeds, then films are drawn with replacement. The data set names no patients.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypedDict

import numpy as np
from collaboration_networks import SHIPPED, Films, dice, load, propose
from collaboration_readers import MODELS, Reader, Room, Work, outline, region_outline
from numpy.typing import NDArray

from infmap.annotation.projects import Settings
from infmap.annotation.ranking import lead, shown
from infmap.annotation.smoothing import smoothed
from infmap.annotation.task_rows import uniform
from infmap.metrics import Bootstrap, bootstrap_ratio_interval, film_mean

PLAN = (24, 42, 80, 130, 190)
"""Films outlined by hand, a twentieth, and of the rounds of stage II; of 466."""
LEAST = 16
"""Films outlined by hand at least: of each half, four train heads and four choose thresholds."""
SHOWN = Settings().candidates
"""Candidates that a reader is shown by default."""
APART = 0.3
"""Disagreement above which "second where apart" shows a second candidate."""
NEAREST, POOR = 20, 0.5
""""Poor ones drawn" shows nothing of a film where the mean Dice of the best network's proposals
with approved masks, over so many films of the most similar disagreement, is below this."""
USUAL, CAREFUL = (1.5, 5.0), (0.5, 1.5)
"""By how many pixels readers draw in or out, and their boundaries wander. Two usual readers agree
at a Dice of 0.70 in the mean and 0.73 in the median; COVID-QU-Ex's masks and a radiologist's
polygons do at 0.61 and 0.72 on the 52 films that have both. Two careful ones do at 0.88 and
0.90."""
KEEPS, CAREFUL_KEEPS, CREDULOUS = 0.85, 0.92, 0.6
"""Perceived Dice from which a mask is kept as it is: by usual readers, by careful ones, and by
credulous ones. The first was chosen on a seed that is not reported."""


@dataclass(frozen=True)
class Scenario:
    """What a run does differently."""

    active: bool = True
    shipped: bool = True
    keeps: float = KEEPS
    shown: int = SHOWN
    hands: tuple[float, float] = USUAL
    smooth: bool = True
    apart: float | None = None
    poor: float = 0.0

    def readers(self) -> list[Reader]:
        """Three: one draws a little in, one a little out."""
        outward, wander = self.hands
        return [Reader(k * outward, wander, self.keeps) for k in (-1, 0, 1)]


SCENARIOS = {
    "station": Scenario(),
    "random order": Scenario(active=False),
    "from nothing": Scenario(shipped=False),
    "credulous readers": Scenario(keeps=CREDULOUS),
    "careful readers": Scenario(keeps=CAREFUL_KEEPS, hands=CAREFUL),
    "two candidates": Scenario(shown=2),
    "as networks draw": Scenario(smooth=False),
    "second where apart": Scenario(apart=APART),
    "poor ones drawn": Scenario(poor=POOR),
}


class Row(TypedDict):
    """One film of one run; seconds by time model, with those that drawing it took."""

    scenario: str
    seed: int
    film: int
    round: int
    kind: str
    proposal_dice: float
    final_dice: float
    drawn_dice: float
    seconds: dict[str, float]
    drawing: dict[str, float]


def plan(count: int) -> list[int]:
    """Films of stage I and of each round of stage II, in the shares of ``PLAN``."""
    first = max(LEAST, round(count * PLAN[0] / sum(PLAN)))
    ends = first + (count - first) * np.cumsum((0, *PLAN[1:])) / sum(PLAN[1:])
    return [first, *(int(n) for n in np.diff(np.rint(ends)))]


def run(films: Films, name: str, seed: int) -> Iterator[Row]:
    """One run of both stages over all films."""
    scenario = SCENARIOS[name]
    rng = np.random.default_rng([seed, 0])
    room = Room(films, scenario.readers(), seed)
    # The same readers with the same films, who draw everything: what it is compared with.
    alone = Room(films, room.readers, seed + 1000)
    region = region_outline(films.truth)
    masks = np.zeros_like(films.truth)
    order = rng.permutation(len(films))

    def row(film: int, number: int, works: list[Work], candidates: list[NDArray[np.bool_]]) -> Row:
        final, by_hand = works[-1].mask, alone.draw(film)
        masks[film] = final
        truth = films.truth[[film]]
        return Row(
            scenario=name, seed=seed, film=film, round=number, kind=works[-1].kind,
            proposal_dice=max((float(dice(c[None], truth)[0]) for c in candidates), default=0.0),
            final_dice=float(dice(final[None], truth)[0]),
            drawn_dice=float(dice(by_hand.mask[None], truth)[0]),
            seconds={m: sum(w.seconds(t, region) for w in works) for m, t in MODELS.items()},
            drawing={m: by_hand.seconds(t, region) for m, t in MODELS.items()},
        )  # fmt: skip

    def shown_of(film: int, number: int, record: dict[str, list[float]], apart: float) -> list[str]:
        names = sorted(proposals)
        count = scenario.shown + (scenario.apart is not None and apart > scenario.apart)
        return shown(names, record, count, lambda what: uniform(seed, film, number, what))

    stage_one, *batches = plan(len(films))
    first = order[:stage_one]
    drawn = {int(film): room.draw(int(film)) for film in first}
    for film, work in drawn.items():
        masks[film] = work.mask
    for half in (0, 1):
        taught, compared = first[half::2], first[1 - half :: 2]
        proposals = _proposals(films, scenario, taught, masks[taught], compared, seed)
        for film, of, apart in _each(compared, proposals):
            candidates = [of[name] for name in shown_of(film, 0, {}, apart)]
            work = room.compare(film, drawn[film].mask, candidates)
            yield row(film, 0, [drawn[film], work], candidates)
    approved, left = first, order[stage_one:]
    record: dict[str, list[float]] = {}
    known: list[tuple[float, dict[str, float]]] = []
    for number, size in enumerate(batches, 1):
        proposals = _proposals(films, scenario, approved, masks[approved], left, seed + number)
        ranked = np.argsort(-_disagreement(proposals), kind="stable")
        pick = (ranked if scenario.active else np.arange(len(left)))[:size]
        # As the station plans a round: on what readers made of the earlier ones, newest first.
        before = {name: values[::-1] for name, values in record.items()}
        past = list(known)
        for film, of, apart in _each(left[pick], {n: p[pick] for n, p in proposals.items()}):
            names = shown_of(film, number, before, apart)
            if _expected(past, apart, names[0]) < scenario.poor:
                names = []
            candidates = [of[name] for name in names]
            work = room.choose(film, candidates) if candidates else room.draw(film)
            near = {n: float(dice(mask[None], work.mask[None])[0]) for n, mask in of.items()}
            for network in names:
                record.setdefault(network, []).append(lead(network, near))
            known.append((apart, near))
            yield row(film, number, [work], candidates)
        approved = np.concatenate([approved, left[pick]])
        left = np.delete(left, pick)


def _each(
    which: NDArray[np.int64], proposals: dict[str, NDArray[np.bool_]]
) -> Iterator[tuple[int, dict[str, NDArray[np.bool_]], float]]:
    """Each film with its proposal of every network, and how far these disagree."""
    for k, (film, apart) in enumerate(zip(which, _disagreement(proposals), strict=True)):
        yield int(film), {name: masks[k] for name, masks in proposals.items()}, float(apart)


def _expected(known: list[tuple[float, dict[str, float]]], apart: float, name: str) -> float:
    """Dice to be expected of a network's proposal of a film; 1 before anything is known."""
    nearest = sorted(known, key=lambda one: abs(one[0] - apart))[:NEAREST]
    return float(np.mean([near[name] for _, near in nearest])) if nearest else 1.0


def _proposals(
    films: Films,
    scenario: Scenario,
    approved: NDArray[np.int64],
    masks: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    seed: int,
) -> dict[str, NDArray[np.bool_]]:
    """Proposals of all networks."""
    found = propose(films, approved, masks, wanted, seed)
    if scenario.shipped:
        found["shipped"] = films.shipped[wanted]
    if scenario.smooth:
        within = films.lungs[wanted]
        found = {
            name: np.stack([smoothed(*both) for both in zip(made, within, strict=True)])
            for name, made in found.items()
        }
    return found


def _disagreement(proposals: dict[str, NDArray[np.bool_]]) -> NDArray[np.float64]:
    """1 - mean Dice over pairs of networks, by film: what orders the station's queue."""
    pairs = combinations(proposals.values(), 2)
    return np.asarray(1 - np.mean([dice(a, b) for a, b in pairs], axis=0))


def summary(rows: list[Row]) -> dict[str, dict[str, object]]:
    """Figures of each scenario, over all films and after each round."""
    out: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == name]
        rounds = [_figures([r for r in mine if r["round"] == n]) for n in range(len(PLAN))]
        until = [_saved([r for r in mine if r["round"] <= n]) for n in range(len(PLAN))]
        out[name] = (
            _figures(mine)
            | _saved(mine)
            | {
                "saved_by_seed": {m: _by_seed(mine, m) for m in MODELS},
                "rounds": [a | {"until_now": b} for a, b in zip(rounds, until, strict=True)],
            }
        )
    return out


def _figures(rows: list[Row]) -> dict[str, object]:
    kinds = {kind: [float(r["kind"] == kind) for r in rows] for kind in ("choose", "edit", "draw")}
    values = {
        "kept_as_is": kinds["choose"],
        "edited": kinds["edit"],
        "drawn": kinds["draw"],
        "best_proposal_dice": [r["proposal_dice"] for r in rows],
        "final_dice": [r["final_dice"] for r in rows],
        "drawn_dice": [r["drawn_dice"] for r in rows],
        "final_minus_drawn": [r["final_dice"] - r["drawn_dice"] for r in rows],
    }
    return {"films": len({r["film"] for r in rows})} | {
        key: _mean(rows, numbers) for key, numbers in values.items()
    }


def _saved(rows: list[Row]) -> dict[str, object]:
    out: dict[str, object] = {}
    for model in MODELS:
        _, spent = _by_film(rows, [r["seconds"][model] for r in rows])
        films, drawing = _by_film(rows, [r["drawing"][model] for r in rows])
        low, high = bootstrap_ratio_interval(drawing - spent, drawing, Bootstrap(films))
        out[f"saved_{model}"] = [1 - float(spent.sum() / drawing.sum()), low, high]
        seeds = len({r["seed"] for r in rows})
        out[f"minutes_{model}"] = sum(r["seconds"][model] for r in rows) / 60 / seeds
        out[f"minutes_drawing_{model}"] = sum(r["drawing"][model] for r in rows) / 60 / seeds
    return out


def _by_seed(rows: list[Row], model: str) -> list[float]:
    found = []
    for seed in sorted({r["seed"] for r in rows}):
        mine = [r for r in rows if r["seed"] == seed]
        found.append(
            1 - sum(r["seconds"][model] for r in mine) / sum(r["drawing"][model] for r in mine)
        )
    return found


def _mean(rows: list[Row], numbers: list[float]) -> list[float]:
    films, values = _by_film(rows, numbers)
    found = film_mean(values, Bootstrap(films))
    return [found.value, found.low, found.high]


def _by_film(
    rows: list[Row], numbers: list[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Films, and the mean of each over its rows."""
    films, index = np.unique([r["film"] for r in rows], return_inverse=True)
    return films, np.bincount(index, numbers) / np.bincount(index)


def figure(result: dict[str, dict[str, object]], sizes: list[int], path: Path) -> None:
    """Minutes and Dice after each round, of so many films each."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    hues = ("#0b6e8f", "#b5651d", "#3b7d3b", "#a03060", "#555555", "#7a5ca8", "#8a7a2e", "#2e8a7a",
            "#c0504d")  # fmt: skip
    colours = dict(zip(SCENARIOS, hues, strict=True))
    plot, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for name, found in result.items():
        rounds = found["rounds"]
        assert isinstance(rounds, list)
        done = np.cumsum(sizes)
        numbers = np.arange(len(rounds))
        colour = colours[name]
        for model, style in (("stated", "-"), ("pessimistic", ":")):
            saved = [100 * r["until_now"][f"saved_{model}"][0] for r in rounds]
            label = name if model == "stated" else None
            left.plot(done, saved, style, color=colour, label=label, marker="o", ms=3)
        kept = [100 * r["kept_as_is"][0] for r in rounds[1:]]
        middle.plot(numbers[1:], kept, "-", color=colour, marker="o", ms=3)
        best = [r["best_proposal_dice"][0] for r in rounds]
        final = [r["final_dice"][0] for r in rounds]
        right.plot(numbers, final, "-", color=colour, marker="o", ms=3)
        right.plot(numbers, best, ":", color=colour, marker="o", ms=3)
    left.axhline(0, color="0.6", lw=0.8)
    left.set(
        xlabel="films done", ylabel="reader minutes saved, %", title="Time (dotted: pessimistic)"
    )
    left.legend(frameon=False, fontsize=8)
    middle.set(xlabel="round of stage II", ylabel="proposals kept as they are, %", title="Kept")
    middle.set_xticks(numbers[1:])
    right.set(xlabel="round (0: stage I)", ylabel="mean Dice with the hidden truth",
              title="Final mask (dotted: best proposal)")  # fmt: skip
    right.set_xticks(numbers)
    plot.savefig(path, dpi=110)


def main() -> None:
    """Run all scenarios and write results.json and rounds.png."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--films", type=Path)
    parser.add_argument("--model", default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    given = parser.parse_args()
    films = load(given.folder, given.cache, given.films, given.model)
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for seed in range(given.seeds):
        for name in given.scenarios.split(","):
            kept = given.out / f"{name.replace(' ', '-')}-{seed}.json"
            if not kept.is_file():
                part = list(run(films, name, seed))
                kept.write_text(json.dumps(part), encoding="utf-8")
            rows += json.loads(kept.read_text(encoding="utf-8"))
            print(name, seed, flush=True)
    region = region_outline(films.truth)
    result = summary(rows)
    about = {"films": len(films), "region_outline_px": region,
             "outline_px": float(np.mean([outline(mask) for mask in films.truth]))}  # fmt: skip
    text = json.dumps({"about": about, "scenarios": result}, indent=1)
    (given.out / "results.json").write_text(text + "\n", encoding="utf-8")
    figure(result, plan(len(films)), given.out / "rounds.png")


if __name__ == "__main__":
    main()
