"""A process that writes to a station until it is killed, and says what was answered to it.

python writer_process.py FOLDER URL|- PROJECT USER: one line on stdout for every answer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.annotation import decisions, drafts, tasks, users
from infmap.annotation.store import Store, now
from infmap.web.masks import decode
from infmap.web.strokes import Stroke, changes


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    folder, url, project, name = sys.argv[1:5]
    store = Store.open(Path(folder), None if url == "-" else url)
    with store.read() as c:
        user = users.named(c, name)
    assert user is not None
    say("ready")
    while True:
        with store.begin() as c:
            task = tasks.lease(c, project, user, now())
        if task is None:
            say("end")
            return
        with store.begin() as c:
            draft = drafts.open(c, task.id, user.id, None, "tab")
            before = decode(drafts.mask(c, draft.id))
        for number in range(draft.seq + 1, 5):
            after = before.copy()
            after[number : number + 4, number : number + 9] ^= np.uint8(1)
            change = changes(before, after, 0)
            assert change is not None
            rect, runs = change
            stroke = Stroke(f"{task.id}-{number}", number, "brush", 0, rect, 10, runs)
            with store.begin() as c:
                seq = drafts.append(c, draft.id, draft.epoch, number - 1, [stroke])
            say("stroke", draft.id, seq, stroke.uuid)
            before = after
        with store.begin() as c:
            made = decisions.decide(
                c, task.id, user, task.version, "draw", draft=draft.id, seq=4, active_ms=40
            )
        assert isinstance(made, decisions.Revision)
        say("decision", made.id, task.id)


if __name__ == "__main__":
    main()
