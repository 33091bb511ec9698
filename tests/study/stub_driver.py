"""A driver of stub workers: stub_driver.py STUDY WORKERS."""

import sys
from pathlib import Path

from infmap.study.launch import LocalLauncher
from infmap.study.queue import run_study
from infmap.study.study import Study
from infmap.study.tables import write_tables

STUB = (sys.executable, str(Path(__file__).with_name("stub_worker.py")))

if __name__ == "__main__":
    study = Study(Path(sys.argv[1]))
    launcher = LocalLauncher(study.folder, study.config.limits, int(sys.argv[2]), STUB)
    run_study(study, launcher, lambda _: None, retry=True)
    write_tables(study)
