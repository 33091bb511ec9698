"""A station of phantom films, served in a process of its own so that it can be killed.

python reading_room.py FOLDER PORT FILMS SIZE [DATABASE]

Readers ann and ben, senior sue, observer olga and administrator admin, all with PASSWORD. Every
second film has proposals of two networks; the first has an earlier film of the same patient.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import uvicorn
from scipy import ndimage
from sqlalchemy import Connection

from infmap.annotation import films, planning, projects, schema, users
from infmap.annotation.app import create_app
from infmap.annotation.films import NewFilm
from infmap.annotation.store import Store, new_id, now, put_mask
from infmap.core.types import BoolImage
from infmap.phantom import PhantomFilm, render
from infmap.web.film_encoding import encode_film, encode_preview, grey_levels
from infmap.web.masks import Mask, encode, of_planes

PASSWORD = "phantom films only"
NAMES = {
    "ann": "reader",
    "ben": "reader",
    "sue": "senior",
    "olga": "observer",
    "admin": "administrator",
}
BITS = 12


def main() -> None:
    folder, port, count, size, *database = sys.argv[1:]
    store = Store.open(Path(folder), database[0] if database else None)
    with store.read() as c:
        new = not projects.every(c)
    if new:
        fill(store, int(count), int(size))
    config = uvicorn.Config(
        create_app(store), port=int(port), log_config=None, access_log=False, ws="none"
    )
    uvicorn.Server(config).run()


def fill(store: Store, count: int, size: int) -> None:
    """Accounts, one project, films."""
    with store.begin() as c:
        settings = projects.Settings(stage=2, candidates=7, repeat_share=0, unaided_share=0)
        project = projects.create(c, "Phantom chest films", settings=settings).id
        for name, role in NAMES.items():
            user = users.add(c, name, PASSWORD, role)
            if role != "administrator":
                projects.member(c, project, user, role)
    for number in range(count):
        add(store, project, number, size)
    with store.begin() as c:
        planning.plan(c, project)


def add(store: Store, project: str, number: int, size: int) -> None:
    """One film; 0 and 1 are of one patient, a week apart."""
    film = render(max(number, 1), size=size, opacities=2 + number % 2)
    levels = grey_levels(film.pixels, BITS)
    new = NewFilm(
        hashlib.sha256(f"{number}".encode()).hexdigest(), size, size, BITS, 2047.5, 4095.0,
        patient="phantom" if number < 2 else None, day=20000 - 7 * number, source=f"{number}.png",
        lungs=encode(of_planes({"lungs": film.lungs})),
    )  # fmt: skip
    with store.begin() as c:
        made = films.add(c, project, new)
        if number % 2 == 0:
            for name, mask in proposals(film, size).items():
                propose(c, made, name, mask)
    folder = store.film_folder(made)
    folder.mkdir(parents=True)
    (folder / "full").write_bytes(encode_film(levels, BITS))
    (folder / "preview.jpg").write_bytes(encode_preview(levels, BITS))


def proposals(film: PhantomFilm, size: int) -> dict[str, Mask]:
    """One network that is nearly right, and one that marks too much and misses an opacity."""
    step = max(1, size // 64)
    near = ndimage.binary_erosion(film.infection, iterations=step)
    parts, _ = ndimage.label(film.infection)
    far = ndimage.binary_dilation(parts == 1, iterations=2 * step) & film.lungs
    return {"fine@1": planes(film, near), "coarse@1": planes(film, far)}


def planes(film: PhantomFilm, infection: BoolImage) -> Mask:
    return of_planes({"infection": infection, "lungs": film.lungs})


def propose(c: Connection, film: str, name: str, mask: Mask) -> None:
    table = schema.networks
    network = c.execute(table.select().where(table.c.name == name)).first()
    number = network.id if network is not None else new_id()
    if network is None:
        c.execute(table.insert().values(id=number, name=name))
    row = {"id": new_id(), "film_id": film, "network_id": number, "round": 1, "created": now()}
    c.execute(schema.proposals.insert().values(mask=put_mask(c, encode(mask)), **row))


if __name__ == "__main__":
    main()
