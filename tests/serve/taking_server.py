"""A server that takes in films and reads them until it is killed, and says what it acknowledged.

python taking_server.py FOLDER URL|- FIRST: one line on stdout for every acknowledgement.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, PngImagePlugin
from reading_server import MODEL, phantom, planned

from infmap.api import model_folder
from infmap.serve import jobs, uploads
from infmap.serve.jobs import NewFilm
from infmap.serve.store import Store
from infmap.serve.worker import Workers

FILMS = 3
"""Of a job; the last is no film."""
AHEAD = 2
"""Jobs that wait at most."""


def film(number: int) -> bytes:
    """The same film with other bytes."""
    if number % FILMS == FILMS - 1:
        return f"no film {number}".encode()
    stream = io.BytesIO()
    note = PngImagePlugin.PngInfo()
    note.add_text("number", str(number))
    with Image.open(io.BytesIO(phantom(1))) as picture:
        picture.save(stream, "PNG", pnginfo=note, compress_level=1)
    return stream.getvalue()


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    folder, url, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    address = None if url == "-" else url
    store = Store.open(folder, address)
    room = threading.Semaphore(AHEAD)

    def changed(ended: Sequence[str]) -> None:
        with store.read() as c:
            for job in ended:
                if jobs.get(c, job).state == "done":
                    say("done", job)
                    room.release()

    workers = Workers(folder, address, {MODEL: model_folder()}, 1, planned, changed)
    workers.start()
    say("ready")
    number = first
    while True:
        room.acquire()
        films = []
        for _ in range(FILMS):
            upload = uploads.put(store, [film(number)])
            say("upload", upload.sha256)
            films.append(NewFilm(str(number), upload.sha256))
            number += 1
        with store.begin() as c:
            job = jobs.create(c, films, [MODEL])
        say("job", job.id)
        workers.wake()


if __name__ == "__main__":
    main()
