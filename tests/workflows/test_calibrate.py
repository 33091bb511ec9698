"""A model folder for a site: from films and a table to a folder that predicts, or one line."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.api import model_folder
from infmap.cli.main import main
from infmap.core.errors import UsageError
from infmap.inference.manifest import read_manifest, verify_files
from infmap.phantom import render
from infmap.site import FEWEST, repeats, thumbnail
from infmap.workflows.calibrate import calibrate_site, card_lines, check_name
from infmap.workflows.predict import card

HEALTHY, SICK = 11, 10


def save(folder, name, film):
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.round(film * 255).astype(np.uint8)).save(folder / name)


def unlike_films():
    """Phantoms of as many patients: seeds whose fine structure repeats that of none before."""
    kept, looks = [], []
    for seed in range(200):
        healthy = len(kept) < HEALTHY
        film = render(seed, size=128, opacities=0 if healthy else 4).pixels
        looks.append(thumbnail(film))
        if repeats(looks)[-1] == len(looks) - 1:
            kept.append(film)
        else:
            looks.pop()
        if len(kept) == HEALTHY + SICK:
            return kept
    raise ValueError(f"expected {HEALTHY + SICK} films unlike each other, got {len(kept)}")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Healthy and opaque phantoms, one film twice, and a picture that is no film."""
    folder = tmp_path_factory.mktemp("ward") / "West Ward"
    for number, film in enumerate(unlike_films()):
        save(folder, f"{number:02}.png", film)
    save(folder, "again.png", np.sqrt(render(0, size=128).pixels))
    save(folder, "noise.png", np.random.default_rng(0).random((200, 200)))
    return folder


def table(path, healthy=HEALTHY, sick=SICK, swapped=False):
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "covid19"])
        rows.writerows([f"{i:02}.png", int(swapped)] for i in range(healthy))
        rows.writerows([f"{HEALTHY + i:02}.png", int(not swapped)] for i in range(sick))
    return path


def test_a_site_gets_a_folder_that_predicts_and_says_what_it_was_calibrated_on(
    films, tmp_path, capsys
):
    out = tmp_path / "site"
    given = ["--films", str(films), "--labels", str(table(tmp_path / "t.csv", sick=3))]
    with pytest.raises(SystemExit) as done:
        main(["calibrate", "infmap-lite0", *given, "-o", str(out), "--specificity", "0.9"])
    said = capsys.readouterr()
    assert done.value.code == 0, said.err
    for text in ("again.png", "noise.png", "before", "specificity, healthy films", "3 patients"):
        assert text in said.out
    manifest = read_manifest(out)
    verify_files(out, manifest)
    assert manifest.operating is None and manifest.areas is None  # both were measured elsewhere
    site = manifest.site
    assert (site.name, site.folder) == ("West-Ward", "West Ward")
    assert (site.healthy, site.covid19, site.unlabelled) == (HEALTHY, 3, SICK - 3)
    assert (site.rejected, site.repeated, site.recalibrated) == (1, 1, False)
    assert manifest.label.endswith("+site.West-Ward")
    model = infmap.load(out)
    assert f"calibrated on {site.films} films of West-Ward" in card(model)
    prediction = model.predict(films / "00.png")
    assert prediction.model == manifest.label and not prediction.covid_detected
    assert "West-Ward" in prediction.calibrated_on.operating_point
    text = (out / "manifest.json").read_text() + (out / "README.md").read_text()
    assert "00.png" not in text and str(tmp_path) not in text
    assert "## Calibrated for West-Ward" in (out / "README.md").read_text()
    golden = json.loads((out / "golden.json").read_text())
    assert set(golden) == {"openvino"}


def test_with_labels_the_probability_is_recalibrated(films, tmp_path):
    out = tmp_path / "site"
    labels = table(tmp_path / "t.csv")
    found = calibrate_site(model_folder(), films, out, labels=labels, name="A", aim=0.9)
    assert found.site.recalibrated and found.site.after.brier is not None
    assert read_manifest(out).detection.population == f"{HEALTHY + SICK} films of A"
    with pytest.raises(UsageError, match="already exists"):
        calibrate_site(model_folder(), films, out, labels=labels, aim=0.9)
    with pytest.raises(UsageError, match="already calibrated on"):
        calibrate_site(out, films, tmp_path / "b", labels=labels, aim=0.9)


def test_what_the_films_do_not_support_is_refused_and_leaves_nothing(films, tmp_path):
    out, labels = tmp_path / "site", table(tmp_path / "t.csv")
    with pytest.raises(UsageError, match="needs 19 known healthy films .* got 11"):
        calibrate_site(model_folder(), films, out, labels=labels)
    with pytest.raises(UsageError, match="needs 10 known healthy films .* got 0"):
        calibrate_site(model_folder(), films, out, aim=0.9)
    with pytest.raises(UsageError, match="--specificity: expected"):
        calibrate_site(model_folder(), films, out, labels=labels, aim=1.0)
    swapped = table(tmp_path / "s.csv", swapped=True)
    with pytest.raises(UsageError, match="not swapped|swapped in --labels"):
        calibrate_site(model_folder(), films, out, labels=swapped, aim=0.5)
    chance = tmp_path / "c.csv"
    lines = [f"{i:02}.png,{i % 2}" for i in range(HEALTHY + SICK)]
    chance.write_text("path,covid19\n" + "\n".join(lines))
    with pytest.raises(UsageError, match="do not show that the model distinguishes"):
        calibrate_site(model_folder(), films, out, labels=chance, aim=0.5)
    mixed = tmp_path / "m.csv"
    mixed.write_text(labels.read_text() + "again.png,1\n")
    with pytest.raises(UsageError, match="one exposure but have different labels"):
        calibrate_site(model_folder(), films, out, labels=mixed, aim=0.9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.csv", "m.csv", "s.csv", "t.csv"]


def test_a_folder_of_other_pictures_is_refused(tmp_path):
    folder = tmp_path / "films"
    for seed in range(FEWEST):
        save(folder, f"{seed}.png", np.random.default_rng(seed).random((200, 200)))
    labels = tmp_path / "t.csv"
    labels.write_text("path,covid19\n" + "".join(f"{i}.png,0\n" for i in range(FEWEST)))
    with pytest.raises(UsageError, match="10 of 10 films were rejected"):
        calibrate_site(model_folder(), folder, tmp_path / "o", labels=labels, aim=0.5)


def test_a_name_fits_a_version():
    assert check_name("St. Mary's / ward 3") == "St.-Mary-s-ward-3"
    with pytest.raises(UsageError, match="letters and digits"):
        check_name("///")
    assert card_lines(read_manifest(model_folder())) == []
