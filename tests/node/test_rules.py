"""Tests of `infmap.node.rules`."""

from __future__ import annotations

from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.node.remotes import Dimse, Web
from infmap.node.rules import read_rules

pytest.importorskip("yaml")

RULES = """
destinations:
  pacs:
    dicom: ORTHANC@127.0.0.1:4242
    timeout: 5
  archive:
    dicomweb: http://127.0.0.1:8042/dicom-web
routes:
  - to: [pacs]
    kinds: [seg, sr]
  - calling: [MOD1, MOD2]
    modality: [dx]
    body_part: [CHEST]
    to: [archive, pacs]
    kinds: [sr, pdf]
accept: [MOD1, MOD2, MOD3]
peers:
  MOD1: 127.0.0.1:11113
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.yaml"
    path.write_text(text)
    return path


def test_all_routes_that_fit_count_and_each_object_goes_once(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, RULES))
    assert rules.of("MOD3", "DX", "CHEST") == [("pacs", "seg"), ("pacs", "sr")]
    assert rules.of("MOD1", "CR", "CHEST") == [("pacs", "seg"), ("pacs", "sr")]
    assert rules.of("MOD1", "DX", "CHEST") == [
        ("pacs", "seg"), ("pacs", "sr"), ("archive", "sr"), ("archive", "pdf"), ("pacs", "pdf"),
    ]  # fmt: skip
    pacs, archive = (rules.destinations[name].remote("NODE") for name in ("pacs", "archive"))
    assert isinstance(pacs, Dimse) and isinstance(archive, Web)
    assert (pacs.peer.calling, pacs.peer.seconds) == ("NODE", 5.0)
    assert rules.accept == ("MOD1", "MOD2", "MOD3")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("to: [pacs]", "to: [pack]", "pack"),
        ("kinds: [seg, sr]", "kinds: [mask]", "kinds"),
        ("dicom: ORTHANC", "dicomweb: http://x\n    dicom: ORTHANC", "either"),
        ("timeout: 5", "timeout: 0", "timeout"),
        ("timeout: 5", "colour: 5", "colour"),
        ("127.0.0.1:11113", "nowhere", "peer"),
        ("dicomweb: http", "commit: true\n    dicomweb: http", "commit with dicom"),
        ("timeout: 5", "commit_within: 0", "commit_within"),
        ("destinations:", "destinations: [", "not YAML"),
    ],
)
def test_a_wrong_rule_is_one_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_rules(written(tmp_path, RULES.replace(before, after, 1)))
    assert "\n" not in str(caught.value)


def test_a_destination_that_commits_may_report_to_the_node(tmp_path: Path) -> None:
    commits = RULES.replace("timeout: 5", "commit: true")
    rules = read_rules(written(tmp_path, commits))
    assert rules.callers == ("MOD1", "MOD2", "MOD3", "ORTHANC")
    assert rules.destinations["pacs"].commit and not rules.destinations["archive"].commit
    anybody = commits.replace("accept: [MOD1, MOD2, MOD3]", "accept: []")
    assert read_rules(written(tmp_path, anybody)).callers == ()
    assert read_rules(written(tmp_path, RULES)).callers == rules.accept
