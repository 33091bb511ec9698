"""The structure check finds what it is for, on small packages made here."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NAMES = (f"small_package_{number}" for number in itertools.count())
CODE = '"""What it does."""\n\n\ndef double(x: int) -> int:\n    return 2 * x  # why\n'

Check = Callable[..., list[str]]


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "check_structure", ROOT / "tools" / "check_structure.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check(checker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Problems of a package made of files; pkg in them stands for the package's name."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))

    def run(
        files: dict[str, str],
        untested: str | None = None,
        json_edges: tuple[str, ...] = (),
        **bars: object,
    ) -> list[str]:
        name = next(NAMES)
        package = tmp_path / "src" / name
        if untested is not None:
            (tmp_path / "tests").mkdir(exist_ok=True)
            (tmp_path / "tests" / "untested.txt").write_text(untested, encoding="utf-8")
        for file, text in files.items():
            place = tmp_path / file if file.startswith("tests/") else package / file
            for folder in [place.parent, package]:
                folder.mkdir(parents=True, exist_ok=True)
            place.write_text(text.replace("pkg", name), encoding="utf-8")
        for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
            (folder / "__init__.py").touch()
        wide = {
            "largest_room": 100.0,
            "comments": (0.0, 100.0),
            "unmirrored": 0 if untested else 99,
        }
        edges = frozenset(f"{name}.{edge}" for edge in json_edges)
        report = checker.check(tmp_path, name, checker.Bars(**{**wide, **bars}), edges)
        return [problem.replace(name, "pkg") for problem in report.problems]

    return run


def test_a_sound_package_has_no_problems(check: Check) -> None:
    files = {"a/one.py": CODE, "b/two.py": CODE, "c/three.py": f"from pkg.a import one\n{CODE}"}
    files |= {f"tests/{name}.py": "" for name in ("a/test_one", "b/test_two", "c/test_three")}
    assert check(files, untested="# none\n", largest_room=40.0, comments=(3.0, 50.0)) == []


@pytest.mark.parametrize(
    "deferred", ["from pkg.a import one\n", "def f() -> None:\n    from pkg.a import one\n"]
)
def test_a_circle_is_found_where_an_import_is_deferred_too(check: Check, deferred: str) -> None:
    (found,) = check({"a/one.py": "from pkg.b import two\n", "b/two.py": deferred})
    assert "imports itself in a circle" in found
    assert "pkg.a.one -> pkg.b.two" in found


def test_a_circle_through_a_package_is_found(check: Check) -> None:
    (found,) = check(
        {"a/__init__.py": "from pkg.a.one import x\n", "a/one.py": "from pkg.a import y\n"}
    )
    assert "pkg.a -> pkg.a.one" in found


def test_every_circle_is_named_once(check: Check) -> None:
    pair = {"{0}/one.py": "from pkg.{0} import two\n", "{0}/two.py": "from pkg.{0} import one\n"}
    files = {k.format(room): v.format(room) for room in "abc" for k, v in pair.items()}
    assert len(check(files)) == 3
    assert check(files, circles=3) == []


def test_an_import_for_types_alone_makes_no_circle(check: Check) -> None:
    typed = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from pkg.a import one\n"
    assert check({"a/one.py": "from pkg.b import two\n", "b/two.py": typed}) == []


def test_a_large_room_is_found(check: Check) -> None:
    files = {"a/one.py": "x = 1\n" * 60, "b/two.py": "x = 1\n" * 40}
    assert check(files, largest_room=60.0) == []
    assert check(files, largest_room=59.0) == ["a: 60.0 % of all lines, > 59.0 %"]


def test_modules_of_the_root_are_no_room(check: Check) -> None:
    assert check({"one.py": "x = 1\n" * 90, "a/two.py": "x = 1\n" * 10}, largest_room=15.0) == []


def test_a_long_module_is_found(check: Check) -> None:
    files = {"a/one.py": "x = 1\n" * 41, "a/two.py": "x = 1\n" * 40}
    assert check(files, module_lines=40) == ["pkg.a.one: 41 lines, > 40"]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("x = 1\n" * 3 + "# why\n", 33.33),
        ("x = 1  # why\n" + "x = 1\n" * 3, 25.0),
        ("x = 1  # noqa: E501\n" + "x = 1\n" * 3, 0.0),
        ('"""Doc.\n\n# no comment\n"""\n\nx = 1\n\nx = 1\n# why\n', 50.0),
        ('x = """\n# text\n"""\n', 0.0),
        ('class A:\n    """Doc."""\n\n    x: int = 1\n    """Field."""\n    # why\n', 50.0),
    ],
)
def test_comments_are_lines_with_a_comment_over_lines_with_code(
    checker: ModuleType, tmp_path: Path, text: str, share: float
) -> None:
    (tmp_path / "one.py").write_text(text, encoding="utf-8")
    module = checker.Module(tmp_path / "one.py", tmp_path)
    assert checker.comment_share([module]) == pytest.approx(share, abs=0.01)


def test_too_few_and_too_many_comments_are_found(check: Check) -> None:
    files = {"a/one.py": "# why\n" * 5 + "x = 1\n" * 95}
    assert check(files, comments=(3.0, 9.0)) == []
    assert check(files, comments=(6.0, 9.0)) != []
    assert check(files, comments=(3.0, 5.0)) != []


DICTS = "from typing import Any\n\nRow = dict[str, Any]\n\n\ndef f(row: Row) -> Row: ...\n"


def test_dictionaries_of_anything_are_counted_with_their_aliases(check: Check) -> None:
    other = "from pkg.a.one import Row\n\n\ndef g(row: Row) -> None: ...\n"
    files = {"a/one.py": DICTS, "a/two.py": other}
    assert check(files, dict_any=3) == []
    assert check(files, dict_any=2) == [
        "dict[str, Any]: on 3 lines, > 2; most in pkg.a.one 2, pkg.a.two 1"
    ]


def test_a_name_like_an_alias_elsewhere_is_not_counted(check: Check) -> None:
    other = "class Row: ...\n\n\ndef g(row: Row) -> None: ...\n"
    assert check({"a/one.py": DICTS, "a/two.py": other}, dict_any=2) == []


def test_docstrings_and_comments_may_speak_of_anything(check: Check) -> None:
    text = '"""Not dict[str, Any]."""\n\nx = 1  # not Any\n'
    assert check({"a/one.py": text}, dict_any=0, any_lines=0) == []


def test_a_json_edge_may_hold_dictionaries_but_its_any_counts(check: Check) -> None:
    assert check({"a/one.py": DICTS}, dict_any=0, json_edges=("a.one",)) == []
    (found,) = check({"a/one.py": DICTS}, any_lines=0, json_edges=("a.one",))
    assert found == "Any: on 1 lines, > 0; most in pkg.a.one 1"


def test_a_json_edge_that_is_gone_is_found(check: Check) -> None:
    (found,) = check({"a/one.py": CODE}, json_edges=("a.gone",))
    assert found == "pkg.a.gone: listed as a JSON edge, but there is no such module"


def test_a_module_without_a_test_file_is_found(check: Check) -> None:
    files = {"a/one.py": CODE, "a/_two.py": CODE, "a/names.py": "x = 1\n"}
    assert check(files, untested="# none\n") == [
        "a/_two.py: no tests/a/test_two.py, and no line in tests/untested.txt says why",
        "a/one.py: no tests/a/test_one.py, and no line in tests/untested.txt says why",
    ]
    assert check({"tests/a/test_one.py": ""} | files, untested="a/_two.py: in test_one\n") == []


def test_the_test_of_a_package_is_named_after_it(check: Check) -> None:
    files = {"a/__init__.py": CODE}
    (found,) = check(files, untested="# none\n")
    assert found.startswith("a/__init__.py: no tests/a/test_a.py")
    assert check(files | {"tests/a/test_a.py": ""}, untested="# none\n") == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a/one.py: typed only", "a/one.py has its test file, the line is stale"),
        ("a/gone.py: typed only", "there is no a/gone.py, the line is stale"),
        ("a/__init__.py:", "'a/__init__.py:' has no reason, or is there twice"),
    ],
)
def test_a_stale_or_empty_reason_is_found(check: Check, line: str, problem: str) -> None:
    files = {"a/one.py": CODE, "tests/a/test_one.py": ""}
    assert check(files, untested=f"{line}\n") == [f"tests/untested.txt: {problem}"]


def test_this_repository_keeps_to_its_structure() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "check_structure.py")]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("measured: ")


def test_the_tool_fails_where_there_are_problems(tmp_path: Path) -> None:
    long = tmp_path / "src" / "infmap" / "a" / "one.py"
    long.parent.mkdir(parents=True)
    long.write_text("x = 1\n" * 1000, encoding="utf-8")
    for folder in (long.parent, long.parents[1]):
        (folder / "__init__.py").touch()
    tool = [sys.executable, str(ROOT / "tools" / "check_structure.py"), str(tmp_path)]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "infmap.a.one: 1000 lines" in done.stdout
