"""The audit: a shortcut that was put in is found, and none is found where there is none."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from infmap.audit import audit, probes
from infmap.audit.counts import tables
from infmap.audit.films import choose, frontal, on_canvas
from infmap.audit.overlap import overlaps
from infmap.audit.text import find_text
from infmap.audit.verdict import verdict
from infmap.audit.views import grown
from infmap.catalog.schema import COLUMNS, make_frame
from infmap.catalog.store import Catalog, Row
from infmap.core.errors import UsageError
from infmap.phantom import render

FILMS = 60
LUNGS = np.zeros((64, 64), np.bool_)
LUNGS[12:50, 10:28] = LUNGS[12:50, 36:54] = True


def row(source: str, number: int, **known: Any) -> Row:
    empty: Row = dict.fromkeys(COLUMNS["films"])
    name = f"{source}/{number}.png"
    return empty | {
        "film_id": name, "source": source, "path": f"{number}.png", "cluster_id": name,
        "patient_id": f"{source}:{number}", "width": 64, "height": 64,
    } | known  # fmt: skip


def make(folder: Path, kinds: dict[str, str]) -> Catalog:
    """A catalog of noise films: source to where its COVID-19 films differ from the others."""
    rows, rng = [], np.random.default_rng(0)
    roots = {}
    for source, where in kinds.items():
        root = folder / source
        root.mkdir(parents=True)
        roots[source] = str(root)
        Image.fromarray(LUNGS).convert("L").save(root / "lungs.png")
        for number in range(FILMS):
            covid = number % 2 == 0
            film = rng.integers(60, 120, (16, 16)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
            if covid and where == "corner":
                film[:4, :20] += 60
            if covid and where == "lungs":
                film[20:40, 14:24] -= 50
            Image.fromarray(film).save(root / f"{number}.png")
            rows.append(row(source, number, covid19=covid, pneumonia=not covid, normal=False,
                            lung_mask="lungs.png"))  # fmt: skip
    catalog = Catalog(folder / "catalog")
    catalog.commit({"films": make_frame("films", rows)}, roots=roots)
    return catalog


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Probes as they are, with fewer draws, components and trees, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("DRAWS", 200), ("COMPONENTS", 20), ("TREES", 10)):
            patch.setattr(probes, name, value)
        yield


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("audit")
    catalog = make(folder, {"corner": "corner", "disease": "lungs"})
    return audit(catalog, folder / "out"), folder / "out"


def area(report: Any, view: str, among: str, told: str = "label") -> Any:
    (found,) = (p for p in report.probes if (p.view, p.among, p.told) == (view, among, told))
    return found.auroc


def test_a_shortcut_outside_the_lungs_is_found(audited: tuple[Any, Path]) -> None:
    report, _ = audited
    for view in ("without lungs", "without the lungs' box", "border only"):
        assert area(report, view, "corner").low > 0.8
    assert any(f.grade == "shortcut" and f.text.startswith("corner:") for f in report.findings)


def test_disease_inside_the_lungs_is_not_a_shortcut(audited: tuple[Any, Path]) -> None:
    report, _ = audited
    assert area(report, "whole film", "disease").low > 0.8
    for view in ("without lungs", "without the lungs' box", "border only"):
        assert area(report, view, "disease").low < 0.6
    assert not any(f.grade == "shortcut" and f.text.startswith("disease") for f in report.findings)


def test_size_alone_tells_nothing_where_all_films_are_alike(audited: tuple[Any, Path]) -> None:
    report, _ = audited
    assert area(report, "size only", "corner").value == pytest.approx(0.5)
    assert area(report, "size only", "all sources", "source").value == pytest.approx(0.5)


def test_shuffled_labels_are_told_by_chance(audited: tuple[Any, Path]) -> None:
    chance = [p.chance_auroc for p in audited[0].probes if "tested" not in p.among]
    assert abs(np.mean(chance) - 0.5) < 0.1


def test_what_a_corner_teaches_does_not_carry_over(audited: tuple[Any, Path]) -> None:
    report, _ = audited
    assert area(report, "whole film", "all but disease, tested on disease").value < 0.6


def test_the_files_agree_and_hold_no_link_to_elsewhere(audited: tuple[Any, Path]) -> None:
    report, out = audited
    data = json.loads((out / "audit.json").read_text())
    with (out / "audit.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(data["probes"]) == len(report.probes)
    assert float(lines[0]["auroc_value"]) == pytest.approx(report.probes[0].auroc.value, abs=1e-4)
    page = (out / "audit.html").read_text()
    assert "http://" not in page and "https://" not in page
    assert report.verdict[0].startswith(f"{report.findings[0].grade}: ")
    assert all(finding.text.split(" [")[0] in page for finding in report.findings)
    assert {"auroc.png", "writing.png"} <= {path.name for path in out.iterdir()}


def test_few_films_are_never_shown_as_an_average(audited: tuple[Any, Path]) -> None:
    assert not (audited[1] / "patterns.png").exists()


def test_films_that_cannot_be_read_and_films_without_masks_are_counted(tmp_path: Path) -> None:
    catalog = make(tmp_path, {"corner": "corner"})
    (tmp_path / "corner" / "3.png").write_bytes(b"not a film")
    rows = catalog.films()
    for film in rows:
        film["lung_mask"] = None
    catalog.write("films", rows)
    report = audit(catalog, tmp_path / "out")
    assert [name for name, _ in report.unread] == ["corner/3.png"]
    assert report.read == report.unmasked == FILMS - 1
    assert {p.view for p in report.probes} == {
        "whole film", "border only", "size and histogram", "size only",
    }  # fmt: skip


def test_a_catalog_of_one_class_gives_tables_and_no_probes(tmp_path: Path) -> None:
    catalog = make(tmp_path, {"one": "nowhere"})
    rows = catalog.films()
    for film in rows:
        film |= {"covid19": False, "cluster_id": None}
    catalog.write("films", rows)
    report = audit(catalog, tmp_path / "out")
    assert report.probes == ()
    assert any("one has no COVID-19 films" in f.text for f in report.findings)
    assert any("run infmap catalog dedup" in f.text for f in report.findings)
    assert (tmp_path / "out" / "audit.html").exists()


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 film"):
        audit(Catalog(tmp_path), tmp_path / "out", films_limit=0)


def test_the_sample_is_even_over_sources_and_repeatable() -> None:
    rows = [row("large", n) for n in range(1000)] + [row("small", n) for n in range(30)]
    chosen = choose(rows, 100, seed=3)
    counts = {name: sum(r["source"] == name for r in chosen) for name in ("large", "small")}
    assert counts == {"large": 70, "small": 30}
    assert chosen == choose(rows, 100, seed=3) != choose(rows, 100, seed=4)


def test_lateral_films_are_left_out() -> None:
    views = ["PA", "AP Supine", None, "L", "lateral"]
    assert len(frontal([row("s", n, view=view) for n, view in enumerate(views)])) == 3


def test_a_film_keeps_its_aspect_on_the_canvas() -> None:
    canvas, extent = on_canvas(np.ones((50, 100), np.float32), 128)
    assert extent == (64, 128)
    assert canvas.sum() == 64 * 128


def test_the_blanked_region_is_wider_than_the_mask() -> None:
    mask = np.zeros((128, 128), np.bool_)
    mask[40:80, 40:80] = True
    wide = grown(mask)
    assert wide[37, 60] and not wide[35, 60]
    assert not grown(np.zeros((128, 128), np.bool_)).any()


def writing_on(seed: int, side: int) -> tuple[Any, Any, Any]:
    """What is found on a phantom without its marker, with it, and with a line of text."""
    film = render(seed, size=side, opacities=seed % 4)
    lungs = film.lungs.astype(np.float32)
    clean, edge = film.pixels.copy(), round(0.16 * side)
    clean[:edge, :edge] = np.median(clean[edge : edge + 6, :edge])
    across, down = [(0.05, 0.03), (0.6, 0.03), (0.05, 0.93), (0.55, 0.93)][seed // 4 % 4]
    words = ["PORTABLE", "AP ERECT", "12:45 03/04/2020", "SUPINE"][seed % 4]
    image, font = Image.fromarray(clean), ImageFont.load_default(max(9, round(0.04 * side)))
    ImageDraw.Draw(image).text((across * side, down * side), words, fill=0.97, font=font)
    films = (clean, film.pixels, np.asarray(image))
    return tuple(find_text(pixels, lungs) for pixels in films)  # type: ignore[return-value]


def test_writing_on_phantoms_is_found_and_clean_phantoms_are_clean() -> None:
    found = [writing_on(seed, (256, 384)[seed % 2]) for seed in range(32)]
    clean, marked, written = zip(*found)
    assert sum(text.glyphs > 0 for text in clean) == 0
    assert sum(text.glyphs > 0 for text in marked) == 32
    assert not any(text.line for text in marked)
    assert sum(text.line for text in written) == 24  # the rest: white writing on a white abdomen


def test_a_blank_film_has_no_writing() -> None:
    assert find_text(np.full((64, 48), 0.5, np.float32)).glyphs == 0


def test_patients_and_duplicates_across_splits_are_counted() -> None:
    films = [
        row("a", 1, official_split="train", patient_id="p"),
        row("a", 2, official_split="val", patient_id="p"),
        row("a", 3, official_split="val"),
        row("b", 4),
    ]
    pairs: list[Row] = [
        {"film_a": "a/1.png", "film_b": "a/3.png", "verdict": None},
        {"film_a": "a/3.png", "film_b": "b/4.png", "verdict": "confirmed"},
        {"film_a": "a/1.png", "film_b": "b/4.png", "verdict": "rejected"},
    ]
    found = {(o.column, o.first, o.second): o for o in overlaps(films, pairs)}
    official = found["official_split", "val", "train"]
    assert (official.patients, official.pairs, official.films, official.total) == (1, 1, 2, 2)
    assert found["source", "b", "a"].pairs == 1
    assert len(found) == 4
    (sentence,) = (
        finding.text
        for finding in verdict([], [], list(found.values()), tables(films), True)
        if finding.text.startswith("Official splits")
    )
    assert "1 of 1 films of train and 2 of 2 of val" in sentence


def test_tables_count_every_film_once() -> None:
    films = [row("a", n, age=age, covid19=n == 0, pneumonia=True, normal=False)
             for n, age in enumerate([3.0, 45.0, None, 101.0])]  # fmt: skip
    for table in tables(films):
        assert sum(map(sum, table.values.values())) == len(films)
        assert table.values and sum(v[0] for v in table.values.values()) == 1
