"""Tests of `infmap.cli.serve`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.cli import serve
from infmap.cli.main import main
from infmap.core.errors import UsageError
from infmap.serve import keys
from infmap.serve.store import Store


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    return int(ended.value.code or 0)


def test_keys_are_made_listed_and_disabled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path / "server")]
    assert run("key", "add", "ann", *folder) == 0
    secret = capsys.readouterr().out.strip()
    store = Store.open(tmp_path / "server")
    with store.read() as c:
        found = keys.of(c, secret)
    assert found is not None and found.name == "ann"
    assert run("key", "add", "ann", *folder) == 2
    assert "choose another name" in capsys.readouterr().err
    assert run("key", "list", *folder) == 0
    assert capsys.readouterr().out.startswith("ann: in use, made on 20")
    assert run("key", "disable", "ann", *folder) == 0
    assert run("key", "disable", "ben", *folder) == 2
    assert run("key", "list", *folder) == 0
    assert "ann: disabled" in capsys.readouterr().out
    with store.read() as c:
        assert keys.of(c, secret) is None
    store.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--host", "0.0.0.0"], "reached from other machines"),
        (["--certificate", "a.pem"], "one of the two"),
        (["--keys"], "infmap serve key add"),
        (["--model", "nowhere"], "no such model folder"),
        (["--model", "infmap-lite0", "--model", "infmap-lite0"], "--model NAME=FOLDER"),
        (["--port", "99999"], "--port"),
        (["--rate", "0"], "--rate"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert run("--folder", str(tmp_path / "server"), *arguments) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1


def test_models_are_known_by_the_names_in_their_manifests() -> None:
    assert list(serve._models(None)) == ["infmap-lite0"]
    with pytest.raises(UsageError):
        serve._models(["infmap-lite0"] * 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_verb_serves_and_ends_by_a_signal_without_a_traceback(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "infmap.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "research use only" in line
            assert httpx.get(f"{line.split()[-1]}healthz").json() == {"status": "ok"}
            process.send_signal(number)
            said = "".join(process.communicate(timeout=60))
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_model_may_be_served_by_another_name(tmp_path: Path) -> None:
    """A calibrated copy has the name of the model that it was made of."""
    shipped = model_folder(DEFAULT_MODEL)
    odd = tmp_path / "a=b"
    odd.symlink_to(shipped)
    models = serve._models([str(shipped), f"ours={shipped}", f"odd={odd}"])
    assert models == {DEFAULT_MODEL: shipped, "ours": shipped, "odd": odd}
    assert serve._models([str(odd)]) == {DEFAULT_MODEL: odd}
    assert serve._models(None) == {DEFAULT_MODEL: shipped}
