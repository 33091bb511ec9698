"""Runs that are killed at their n-th change of the disk, each in a process of its own.

python killed_runs.py FOLDER FIRST STEP [spoilt]

Prints a line of JSON for each n: whether the run was killed, and what it left. One process forks
them all, for it takes longer to import than to run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infmap.core.errors import UsageError
from infmap.deidentify import film as film_module
from infmap.deidentify import run as run_module
from infmap.deidentify.boxes import Box
from infmap.deidentify.header import Record, deidentify_header
from infmap.deidentify.key import Key
from infmap.deidentify.look import Look
from infmap.deidentify.options import Options
from infmap.deidentify.run import Job, Note, Pixelwise, ResidueError

CHANGES = {"os.rename", "os.rmdir", "os.remove", "os.mkdir"}


def person(looks: Sequence[Look], key: Key, note: Note) -> dict[int, tuple[Box, ...]]:
    """Decides film by film, as on the page."""
    for look in looks:
        note(look, (Box(1, 2, 3, 4),))
    return {look.number: (Box(1, 2, 3, 4),) for look in looks}


def no_lungs(plane: np.ndarray) -> None:
    return None


def one_run(folder: Path, moment: int) -> None:
    """A run that ends itself at a change of the disk; 0: never."""
    films = [str(path) for path in sorted(folder.glob("*.dcm"))]
    left = moment

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if not (event in CHANGES or writes) or str(folder) not in str(arguments[0]):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment:
        sys.addaudithook(count)
    job = Job(films, folder / "out", folder.parent / "key", Options(pixels=True))
    run_module.run(
        job, Pixelwise(no_lungs, person, "person"), lambda items, total, text: iter(items)
    )


def child(folder: Path, moment: int) -> int:
    """Fork a run; its exit status, negative where it was killed."""
    process = os.fork()
    if process == 0:
        try:
            one_run(folder, moment)
        except ResidueError:
            os._exit(2)
        except UsageError:
            os._exit(3)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def tree(folder: Path) -> dict[str, str]:
    """Files below a folder, with their bytes."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes().hex() for path in found}


def forgetful(dataset: object, *rest: object) -> Record:
    """Leaves the patient in a film of two."""
    if getattr(dataset, "SOPInstanceUID", "") == "1.2.3":
        return Record()
    return deidentify_header(dataset, *rest)  # type: ignore[arg-type]


def main() -> None:
    films, moment, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if "spoilt" in sys.argv:
        film_module.deidentify_header = forgetful
    killed = True
    while killed:
        folder = films.with_name(f"at-{moment}")
        shutil.copytree(films, folder)
        first = child(folder, moment)
        left = {name: data for name, data in tree(folder).items() if not name.endswith("/key")}
        killed = first == -signal.SIGKILL
        second = child(folder, 0)
        line = {"first": first, "left": left, "second": second, "end": tree(folder)}
        print(json.dumps(line), flush=True)
        moment += step


if __name__ == "__main__":
    main()
