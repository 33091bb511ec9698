"""Tests of `infmap.cli.main`."""

import ast
import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infmap.cli.main import VERBS, main

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402

CLI = Path(__file__).resolve().parents[2] / "src" / "infmap" / "cli"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["predict"],
        ["predict", "x.png", "-o", "o", "--threshold", "2"],
        ["predict", "x.png", "-o", "o", "--model", "no-such-model"],
        ["predict", "x.png", "-o", "o", "--device", "quantum"],
        ["train", "no-such.yaml", "-o", "o"],
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("infmap") and error.count("\n") == 1


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_a_command_has_an_example_and_imports_its_work_when_it_runs(path: Path) -> None:
    """So that ``infmap --help`` starts at once, and with any extra missing."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("infmap.workflows"), path.name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            "command(" in ast.unparse(d) for d in node.decorator_list
        ):
            assert "Example: infmap" in (ast.get_docstring(node) or ""), node.name


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(verb, capsys):
    if verb == "catalog":
        pytest.skip("a group of verbs: its own tests cover them")
    assert call(verb, "--help") == 0
    assert "infmap " + verb in capsys.readouterr().out.replace("Usage:", "")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from infmap.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'torch', 'openvino', 'PIL', 'pydicom'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_place_that_cannot_be_written_is_one_line(capsys, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out/films.parquet")

    module = SimpleNamespace(app=full)
    monkeypatch.setattr("importlib.import_module", lambda _: module)
    with pytest.raises(SystemExit) as stopped:
        main(["catalog"])
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("infmap catalog: out/films.parquet: No space left on device")
    assert line.count("\n") == 1
