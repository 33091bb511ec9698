"""QaTa-COV19 (Degerli et al. 2021, 10.1007/s13755-021-00146-8), all its versions and controls.

Publisher's layout, below QaTa-COV19/:

- QaTa-COV19-v1/{Images,Ground-truths}: Images also holds films without a mask, of which nothing is
  known;
- QaTa-COV19-v2/{Train Set,Test Set}/{Images,Ground-truths};
- Early-QaTa-COV19/{No_,Limited_}COVID-19_Pneumonia_Cases: COVID-19 of which readers saw no signs on
  the film, or few, somewhere in the lungs;
- Control_Group/Control_Group_I: normal films;
- Control_Group/Control_Group_II/{CHESTXRAY-14/{Train,Test},Pediatric_Bacterial_Pneumonia,
  Pediatric_Viral_Pneumonia}: ChestX-ray14, of which the folder does not tell the finding, and
  pneumonias of children.

A mask is "mask_" and the film's name, 0/255. Names recur between the folders, so the name of a film
here starts with its folder's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infmap.sources.files import at_least_one, homes, missing, pictures, relative, some, unexpected
from infmap.sources.record import SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Labels

COVID: Labels = (True, False, False)
PNEUMONIA: Labels = (False, True, False)
NORMAL: Labels = (False, False, True)
CONTROL: Labels = (False, None, None)
PARTS = ("QaTa-COV19-v1", "QaTa-COV19-v2", "Early-QaTa-COV19", "Control_Group")
# Films that came from elsewhere keep their names there, and with them the patient.
BIMCV = re.compile(r"(sub-S\d+)_")
CHESTXRAY14 = re.compile(r"(\d{8})_\d{3}\.")
PROJECTION = re.compile(r"_vp-(ap|pa|ll)[_.-]")
VIEWS = {"ap": "AP", "pa": "PA", "ll": "LATERAL"}


@dataclass(frozen=True)
class Group:
    """One folder of films.

    Attributes:
        prefix: of the names of its films.
        folder: below QaTa-COV19/.
        labels: (covid19, pneumonia, normal) of its films; of those with a mask, where it has masks.
        masks: folder of their masks, where it has them.
        split: the publisher's.
        infection: what its readers saw of films without a mask, see ``SourceRecord``.
        opacity: the same of opacities.
    """

    prefix: str
    folder: str
    labels: Labels
    masks: str | None = None
    split: str | None = None
    infection: str | None = None
    opacity: str | None = None


def _v2(split: str) -> Group:
    home = f"QaTa-COV19-v2/{split.capitalize()} Set"
    return Group(f"v2-{split}", f"{home}/Images", COVID, f"{home}/Ground-truths", split)


CONTROL_II = "Control_Group/Control_Group_II"
GROUPS = (
    Group("v1", "QaTa-COV19-v1/Images", COVID, "QaTa-COV19-v1/Ground-truths"),
    _v2("train"),
    _v2("test"),
    Group("early-no", "Early-QaTa-COV19/No_COVID-19_Pneumonia_Cases", COVID, infection="empty"),
    Group(
        "early-limited",
        "Early-QaTa-COV19/Limited_COVID-19_Pneumonia_Cases",
        COVID,
        infection="somewhere",
    ),
    Group("control-1", "Control_Group/Control_Group_I", NORMAL),
    Group("control-2-train", f"{CONTROL_II}/CHESTXRAY-14/Train", CONTROL, split="train"),
    Group("control-2-test", f"{CONTROL_II}/CHESTXRAY-14/Test", CONTROL, split="test"),
    Group(
        "control-2-bacterial",
        f"{CONTROL_II}/Pediatric_Bacterial_Pneumonia",
        PNEUMONIA,
        opacity="somewhere",
    ),
    Group(
        "control-2-viral",
        f"{CONTROL_II}/Pediatric_Viral_Pneumonia",
        PNEUMONIA,
        opacity="somewhere",
    ),
)


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film; the infection mask of a film without one is unknown.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    expected = f"{root}: expected QaTa-COV19-v1/, QaTa-COV19-v2/, Early-QaTa-COV19/ or"
    return at_least_one(_films(root), f"{expected} Control_Group/")


def _films(root: Path) -> Iterator[SourceRecord]:
    for home in homes(root, PARTS):
        for group in GROUPS:
            for film in pictures(home / group.folder):
                yield _record(root, home, group, film)


def _record(root: Path, home: Path, group: Group, film: Path) -> SourceRecord:
    mask = relative(root, home / group.masks / f"mask_{film.name}") if group.masks else None
    # In a folder with masks, a film without one was not labelled: nothing is known of it.
    unknown = group.masks is not None and mask is None
    covid19, pneumonia, normal = (None, None, None) if unknown else group.labels
    projection = PROJECTION.search(film.name)
    return SourceRecord(
        path=film.relative_to(root).as_posix(),
        name=f"{group.prefix}-{film.name}",
        patient_id=_patient(film.name),
        view=VIEWS[projection[1]] if projection else None,
        covid19=covid19,
        pneumonia=pneumonia,
        normal=normal,
        infection_mask=mask,
        infection_truth=group.infection,
        opacity_truth=group.opacity,
        official_split=group.split,
    )


def _patient(name: str) -> str | None:
    if found := BIMCV.match(name):
        return f"bimcv-covid19:{found[1]}"
    if found := CHESTXRAY14.match(name):
        return f"chestxray14:{found[1]}"
    return None


def check(root: Path) -> list[str]:
    """Findings: folders missing or unexpected, films without masks and masks without films."""
    found = homes(root, PARTS)
    if not found:
        return missing(root, PARTS, "no films")
    findings = []
    for home in found:
        findings += unexpected(home, PARTS)
        for group in GROUPS:
            findings += missing(home, [group.folder])
            if group.masks and (home / group.folder).is_dir():
                films = {f"mask_{film.name}" for film in pictures(home / group.folder)}
                masks = {mask.name for mask in pictures(home / group.masks)}
                where = group.folder.removesuffix("/Images")
                bare = {name.removeprefix("mask_") for name in films - masks}
                findings += some(bare, len(films), f"films of {where} have no mask")
                findings += some(masks - films, None, f"masks of {where} have no film")
    return findings


SOURCE = Source(
    name="qata-cov19",
    title="QaTa-COV19",
    films=None,
    size="5 GB",
    licence="none stated in its files; see its Kaggle page",
    url="https://www.kaggle.com/datasets/aysendegerli/qatacov19-dataset",
    needs="a Kaggle account",
    citation="Degerli et al., COVID-19 infection map generation and detection from chest X-ray "
    "images, Health Information Science and Systems 9:15, 2021, doi:10.1007/s13755-021-00146-8",
    layout="QaTa-COV19/{QaTa-COV19-v1,QaTa-COV19-v2,Early-QaTa-COV19,Control_Group}, any of them",
    read=read,
    check=check,
)
