"""The data card says what is in the snapshot, and machines can read it."""

import json
import logging
import sys
from pathlib import Path

import pytest
import yaml

from infmap.catalog.card import known_traps
from infmap.catalog.schema import make_frame
from infmap.catalog.snapshot import write_snapshot
from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from small_catalog import catalog, row  # noqa: E402

COVID = {"covid19": True, "pneumonia": False, "normal": False}
BLANK = {"covid19": None, "pneumonia": None, "normal": None}


@pytest.fixture
def snapshot(tmp_path):
    films = [
        row("cohen/0", **COVID, view="AP", age=17.9, licence="CC BY-NC-SA"),
        row("cohen/1", **BLANK, sex="M", age=80.0, licence=None, duplicate_group="cohen/0"),
        row("cohen/2", view=None, age=None, sex=None, split="val", licence=" "),
        row("mine/a|b", normal=False, infection_mask="m.png", duplicate_group="cohen/0"),
        row("mine/c", view="L", fold=None),
    ]
    score = {"film_id": "cohen/0", "name": "opacity", "reader": "mean", "value": 2.0}
    box = {"film_id": "cohen/0", "label": "x", "left": 1, "top": 2, "width": 3, "height": 4}
    write_snapshot(catalog(tmp_path / "c", films, [score], [box]), tmp_path / "s")
    return tmp_path / "s"


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Cells of the first table whose first column has this heading."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = lines[start + 2 : lines.index("", start)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_card_counts_films_by_class_source_split_view_sex_and_age(snapshot):
    text = (snapshot / "card.md").read_text()
    assert rows_of(text, "source") == [
        ["cohen", "train", "1", "0", "0", "0", "1", "2"],
        ["cohen", "val", "0", "0", "1", "0", "0", "1"],
        ["mine", "train", "0", "0", "0", "1", "0", "1"],
    ]
    assert rows_of(text, "view") == [["PA", "2"], ["AP", "1"], ["unknown", "1"]]
    assert rows_of(text, "sex") == [["F", "2"], ["M", "1"], ["unknown", "1"]]
    ages = {name: count for name, count in rows_of(text, "age, years")}
    assert ages == {"0 to 17": "1", "80 and over": "1", "unknown": "1", "40 to 59": "1"}
    assert rows_of(text, "reading") == [["opacity", "mean", "1"]]
    assert rows_of(text, "boxes around") == [["x", "1"]]
    assert "| lateral films left out | 1 |" in text
    assert f": {SOURCES['cohen'].citation.rstrip('.')}. Page: " in text
    assert "{{" not in text and "None" not in text


def test_the_card_says_what_licences_allow_and_blank_is_unknown(snapshot):
    text = (snapshot / "card.md").read_text()
    assert "| cohen | unknown | 2 | unknown: ask the publisher" in text
    assert "| cohen | CC BY-NC-SA | 1 | may be passed on; no commercial use; " in text
    assert "2 of 4 films may be passed on; of 2 it is unknown." in text
    assert "1 of 4 films may be used commercially; of 2 it is unknown." in text


def test_the_front_matter_is_that_of_a_dataset_card(snapshot):
    text = (snapshot / "card.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["size_categories"] == ["n<1K"] and front["license"] == "other"
    assert front["configs"] == [{"config_name": "films", "data_files": "films.parquet"}]
    hub = pytest.importorskip("huggingface_hub")
    assert hub.DatasetCard(text).data.to_dict()["pretty_name"] == front["pretty_name"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_is_valid_and_reads_the_films(snapshot, monkeypatch):
    croissant = pytest.importorskip("mlcroissant")
    messages = []
    for name in ("absl", "root"):
        monkeypatch.setattr(logging.getLogger(name), "warning", lambda m, *a: messages.append(m))
    dataset = croissant.Dataset(jsonld=snapshot / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    assert not messages
    found = list(dataset.records(record_set="films"))
    names = [record["films/film_id"].decode() for record in found]
    assert names == ["cohen/0", "cohen/1", "cohen/2", "mine/a|b"]
    about = json.loads((snapshot / "snapshot.json").read_text())
    files = {f["name"]: f["sha256"] for f in json.loads(
        (snapshot / "croissant.json").read_text())["distribution"]}  # fmt: skip
    assert files == {n: about["files"][n]["sha256"] for n in files} and len(files) == 3


def test_traps_are_found_and_none_is_made_up():
    films = [
        row("a/0", **COVID, duplicate_group="x", official_split="train", view=None),
        row("a/1", duplicate_group="x", official_split="test"),
        row("b/0", duplicate_group="x", patient_id=None, infection_mask="m.png"),
    ]
    text = "\n".join(known_traps(make_frame("films", films)))
    assert "3 films have a near-duplicate here (1 clusters); 1 clusters hold films of more" in text
    assert "1 clusters have films on both sides" in text
    assert "The patient of 1 of 3 films is unknown" in text
    assert "b holds no film with COVID-19" in text
    assert "masks of 1 films without COVID-19 are empty" in text
    assert "classes covid19 is unknown" in text
    clean = [row("a/0", **COVID), row("a/1")]
    assert known_traps(make_frame("films", clean)) == []
