import json

import pytest

pytest.importorskip("torch")

from infmap.core.errors import UsageError  # noqa: E402
from infmap.workflows.train import Log, train  # noqa: E402


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path):
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(UsageError, match="--resume"):
        train(tmp_path / "config.yaml", tmp_path, print)


def test_a_record_goes_to_the_file_and_to_the_caller(tmp_path):
    told = []
    with Log(tmp_path, told.append) as log:
        log({"step": 1, "loss": 0.5})
        log({"note": "a word"})
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert (
        [json.loads(line) for line in lines]
        == told
        == [
            {"step": 1, "loss": 0.5},
            {"note": "a word"},
        ]
    )
