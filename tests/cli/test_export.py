import json

import pytest

pytest.importorskip("onnx")

from infmap.cli.main import main  # noqa: E402


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["export", *(str(a) for a in arguments)])
    return caught.value.code


def test_it_says_what_was_written_and_where_the_card_is(tmp_path, capsys):
    assert call("infmap-lite0", "-o", tmp_path / "a.onnx") == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "a.onnx") in said and str(tmp_path / "a.md") in said
    assert (tmp_path / "a.onnx").is_file() and (tmp_path / "a.md").is_file()


def test_json_names_the_checksum(tmp_path, capsys):
    assert call("infmap-lite0", "-o", tmp_path / "folder", "--json") == 0
    written = json.loads(capsys.readouterr().out)
    manifest = json.loads((tmp_path / "folder" / "manifest.json").read_text())
    assert written["sha256"] == manifest["files"]["network.onnx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", "-o", "a.onnx"), "no such model folder"),
        (("infmap-lite0",), "--out"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, capsys):
    assert call(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_a_missing_extra_names_the_install_line(tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    assert call("infmap-lite0", "-o", tmp_path / "a.onnx") == 2
    assert "pip install 'infmap[onnx]'" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()
