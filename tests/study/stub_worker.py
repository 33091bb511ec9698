"""A worker whose body counts to five instead of training, keeping a checkpoint like it."""

import os
import signal
import sys
import time

from infmap.study.study import read_json, write_csv, write_json
from infmap.study.training_log import Diverged
from infmap.study.worker import main

STEPS = 5


def body(study, run, folder):
    if (folder / "result.json").exists():
        with (folder / "repeated.txt").open("a") as stream:
            stream.write("again\n")
    step = (read_json(folder / "checkpoint.json") or {"step": 0})["step"]
    while step < STEPS:
        time.sleep(float(os.environ.get("STUB_STEP", "0.05")))
        with (folder / "steps.txt").open("a") as stream:
            stream.write(f"{step}\n")
        if f"{run.decoder}" == os.environ.get("STUB_CRASH"):
            os.abort()
        if f"{run.decoder}" == os.environ.get("STUB_DIVERGE"):
            raise Diverged("the loss is not finite")
        if f"{run.decoder}" == os.environ.get("STUB_FAIL"):
            raise RuntimeError("no luck\nat all")
        if f"{run.decoder}" == os.environ.get("STUB_HOG"):
            hog = bytearray(400 * 2**20)
            hog[::4096] = b"x" * len(hog[::4096])
            signal.pause()  # until it is ended for its memory
        step += 1
        write_json(folder / "checkpoint.json", {"step": step})
    with (folder / "ends.txt").open("a") as stream:
        stream.write("end\n")
    write_csv(folder / "films.csv", [], ("film_id",))
    value = len(run.id) / 100
    return {"metrics": {"infection_f1": {"value": value, "low": 0.0, "high": 1.0, "n": 1}}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], body))
