"""Nodes in processes of their own, to be killed: node_process.py FOLDER RULES.JSON.

Each line "start" on standard input forks a node, which prints its process id and port; "reap PID"
waits for one that was killed. All is imported before, so that a start takes no seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from small_node import MODEL, Reader, made, open_store  # noqa: E402

from infmap.node.listening import Listening  # noqa: E402
from infmap.node.node import Settings, running  # noqa: E402
from infmap.node.rules import Rules  # noqa: E402


def main() -> None:
    import pynetdicom  # noqa: F401

    folder = Path(sys.argv[1])
    rules = Rules.model_validate(json.loads(Path(sys.argv[2]).read_text()))
    for line in sys.stdin:
        words = line.split()
        if words[0] == "reap":
            os.waitpid(int(words[1]), 0)
            print("reaped", flush=True)
        elif os.fork() == 0:
            node(folder, rules)


def node(folder: Path, rules: Rules) -> None:
    store = open_store(folder)
    settings = Settings(rules, Listening(port=0, seconds=20.0), MODEL, keep_free=0)
    with running(store, settings, Reader(store), made) as port:
        print(os.getpid(), port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
