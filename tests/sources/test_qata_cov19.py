"""Tests of `infmap.sources.qata_cov19`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_qata_masks_tell_what_is_known_and_names_are_of_their_folder(tmp_path: Path) -> None:
    LAYOUTS["qata-cov19"](tmp_path)
    found = read("qata-cov19", tmp_path)
    bare = found["v1-normal_1.png"]
    assert (bare.covid19, bare.normal, bare.infection_mask) == (None, None, None)
    assert found["v2-test-covid_1.png"].official_split == "test"
    named = found["v2-train-sub-S09345_ses-E24192_run-1_bp-chest_vp-ap_cr.png"]
    assert (named.patient_id, named.view) == ("bimcv-covid19:sub-S09345", "AP")
    control = found["control-2-train-00000005_000.png"]
    assert (control.covid19, control.pneumonia, control.normal) == (False, None, None)
    assert (control.patient_id, control.official_split) == ("chestxray14:00000005", "train")
    assert found["early-no-covid_1.png"].infection_mask is None


def test_qata_films_without_a_mask_have_what_their_folder_states(tmp_path: Path) -> None:
    LAYOUTS["qata-cov19"](tmp_path)
    stated = {
        name.rsplit("-covid", 1)[0]: (one.infection_truth, one.opacity_truth)
        for name, one in read("qata-cov19", tmp_path).items()
        if one.infection_truth or one.opacity_truth
    }
    assert stated["early-no"] == ("empty", None)
    assert not any(name.startswith(("v1", "v2", "control-1")) for name in stated)
    for name, truth in stated.items():
        if name.startswith("control-2"):
            assert truth == (None, "somewhere")
        if name.startswith("early-limited"):
            assert truth == ("somewhere", None)
