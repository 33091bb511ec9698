"""The layout of QaTa-COV19 (Degerli et al. 2021, 10.1007/s13755-021-00146-8).

Below QaTa-COV19/: QaTa-COV19-v2/{Train Set,Test Set}/{Images/NAME.png,Ground-truths/mask_NAME.png}
hold the COVID-19 films. Control_Group/ holds films known to be without COVID-19, and no masks:
normal ones in Control_Group_I, others in Control_Group_II/CHESTXRAY-14/{Train,Test}, the layout's
place for controls whose finding is unknown. It has no place for validation, which goes to
training.
"""

from __future__ import annotations

from collections.abc import Sequence

from infmap.export.exporter import Exporter, Job
from infmap.export.sheet import Entry, LeftOut, Sheet

ROOT = "QaTa-COV19"
SETS = {"train": "Train", "val": "Train", "test": "Test"}


def film(sheet: Sheet) -> Entry:
    """Write a COVID-19 film with its infection mask, or a control without one."""
    film, part = sheet.film, SETS[sheet.need_split()]
    if film.row["covid19"] is None:
        raise LeftOut("it is unknown whether it is COVID-19")
    if not film.row["covid19"]:
        group = "Control_Group_I" if film.row["normal"] else f"Control_Group_II/CHESTXRAY-14/{part}"
        image = sheet.image(f"{ROOT}/Control_Group/{group}/{film.name}")
        return Entry(film, image, {}, sheet.size)
    mask, home = sheet.need_mask("infection"), f"{ROOT}/QaTa-COV19-v2/{part} Set"
    path = sheet.write_mask(mask, f"{home}/Ground-truths/mask_{film.name}.png")
    return Entry(film, sheet.image(f"{home}/Images/{film.name}"), {"infection": path}, sheet.size)


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Nothing more: films.csv, which every export has, tells validation from training."""


EXPORTER = Exporter(film, finish, grey_png=True)
