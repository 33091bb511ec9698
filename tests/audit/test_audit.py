"""The audit: a shortcut that was put in is found, and none is found where there is none."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.audit import audit, probes
from infmap.catalog.schema import make_frame
from infmap.catalog.store import Catalog
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from rows import row  # noqa: E402

FILMS = 60
LUNGS = np.zeros((64, 64), np.bool_)
LUNGS[12:50, 10:28] = LUNGS[12:50, 36:54] = True


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
        film |= {"covid19": False, "duplicate_group": None}
    catalog.write("films", rows)
    report = audit(catalog, tmp_path / "out")
    assert report.probes == ()
    assert any("one has no COVID-19 films" in f.text for f in report.findings)
    assert any("run infmap catalog dedup" in f.text for f in report.findings)
    assert (tmp_path / "out" / "audit.html").exists()


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 film"):
        audit(Catalog(tmp_path), tmp_path / "out", films_limit=0)
