"""What the project promises as a whole: names, commands, configurations, packaging, pages."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.cli.main import VERBS, main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "infmap"
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
LIMIT = 13 * 2**20


@pytest.mark.parametrize("name", ["Model", "Prediction", "Radiograph", "__version__", "load"])
def test_the_public_names_exist_and_are_listed(name: str) -> None:
    assert name in infmap.__all__
    assert getattr(infmap, name) is not None


def test_no_public_name_was_added_unnoticed() -> None:
    assert sorted(infmap.__all__) == ["Model", "Prediction", "Radiograph", "__version__", "load"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = infmap.nothing_like_this


def test_a_prediction_offers_what_the_readme_shows() -> None:
    fields = infmap.Prediction.__dataclass_fields__
    shown = {"infection", "lungs", "covid_probability", "covid_detected", "infected_fraction"}
    assert shown | {"opacity", "zones", "severity", "warnings"} <= set(fields)
    assert callable(infmap.Prediction.overlay)
    assert callable(infmap.Prediction.to_dict)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_module_with_an_app(verb: str) -> None:
    app = importlib.import_module(f"infmap.cli.{verb}").app
    assert callable(app)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_names_it(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([verb, "--help"])
    assert done.value.code == 0
    assert f"infmap {verb}" in capsys.readouterr().out


def test_configurations_are_shipped() -> None:
    assert CONFIGS


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_every_shipped_configuration_is_valid(file: Path) -> None:
    pytest.importorskip("yaml")
    from infmap.study.config import read_study
    from infmap.study.external import read_external
    from infmap.training.config import read_config
    from infmap.workflows.compile import read_catalog_config

    if file.stem == "catalog":
        assert read_catalog_config(file).snapshot.name == "snapshot"
        return
    if file.stem == "external":
        assert read_external(file).folds
        return
    config = read_study(file).training if file.stem.startswith("study") else read_config(file)
    assert config.snapshot.is_absolute()
    assert config.stages


def test_prediction_installs_without_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [requirement.lower() for requirement in project["dependencies"]]
    assert names
    for heavy in ("torch", "timm", "segmentation-models-pytorch", "segmentation_models_pytorch"):
        assert not [name for name in names if name.startswith(heavy)]
    assert {"train", "onnx", "dev"} <= set(project["optional-dependencies"])


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dynamic = "version" in project.get("dynamic", [])
    assert dynamic or project["version"] == infmap.__version__
    heading = "Unreleased" if ".dev" in infmap.__version__ else infmap.__version__
    changes = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert changes[0] == heading
    assert infmap.__version__ not in changes[1:]  # a version in between is not called a release


def test_the_citation_is_of_a_release_and_names_the_paper() -> None:
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    # Between releases the last one is cited.
    assert f"## {cited['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert ".dev" in infmap.__version__ or cited["version"] == infmap.__version__
    (paper,) = cited["references"]
    assert paper["authors"][0] == {"family-names": "Degerli"} and paper["year"] == 2021


def test_the_weights_stay_small_enough_to_ship() -> None:
    files = [file for file in (PACKAGE / "weights").rglob("*") if file.is_file()]
    assert files, "no weights are shipped"
    assert sum(file.stat().st_size for file in files) < LIMIT


def test_prediction_and_report_never_import_torch() -> None:
    folders = ("core", "dicom", "inference", "report")
    files = [file for folder in folders for file in sorted((PACKAGE / folder).glob("*.py"))]
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files]
    assert len(names) > 10
    names += ["infmap.api", "infmap.cli.main"]
    code = f"import importlib; [importlib.import_module(name) for name in {names!r}]"
    assert not _imported(code) & {"torch", "torchvision", "timm"}


def test_the_command_starts_without_numpy() -> None:
    assert "numpy" not in _imported("import infmap.cli.main")


def test_the_documentation_is_sound() -> None:
    assert _checker().problems(ROOT) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[gone](gone.md)", "leads nowhere"),
        ("[gone](#gone)", "no such heading"),
        ("`infmap fly`", "no verb 'fly'"),
        ("`infmap catalog fly`", "no step 'fly'"),
        ("```\n$ infmap fly films\n```", "no verb 'fly'"),
        ("see " + "/".join(["", "home", "me", "films"]), "path of one machine"),
        ("`infmap predict films --fly`", "no option '--fly'"),
        ("```\ninfmap catalog split c --seed 0 --fly=2  # to --swim\n```", "no option '--fly=2'"),
        ("`infmap.core.fly`", "no infmap.core.fly"),
        ("```python\nfrom infmap.fly import wings\n```", "no infmap.fly"),
        ("`tests/core/test_fly.py`", "no file tests/core/test_fly.py"),
    ],
)
def test_the_documentation_check_finds(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# Title\n\n{text}\n", encoding="utf-8")
    (found,) = _checker().problems(tmp_path)
    assert problem in found


def test_the_documentation_check_finds_a_page_without_a_link(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[a](docs/a.md) `infmap predict`\n", encoding="utf-8")
    (tmp_path / "docs" / "a.md").write_text("# A\n", encoding="utf-8")
    (tmp_path / "docs" / "b.md").write_text("# B\n", encoding="utf-8")
    (found,) = _checker().problems(tmp_path)
    assert found.startswith("docs/b.md: no link leads here")


def test_the_documentation_check_finds_a_decision_that_the_index_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "docs" / "decisions").mkdir(parents=True)
    (tmp_path / "docs" / "decisions" / "001-a.md").write_text("# 001 A\n", encoding="utf-8")
    (tmp_path / "docs" / "index.md").write_text("[A](decisions/001-a.md)\n", encoding="utf-8")
    (found,) = _tool("check_docs").untitled(tmp_path)
    assert found == "docs/index.md: [001 A](decisions/001-a.md) is left out"


def test_the_documentation_check_finds_an_extra_that_is_not_there(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = "```\npip install '.[train,wings]'\n```"
    assert list(_tool("check_docs").unknown_extras(tmp_path, text)) == ["there is no extra 'wings'"]


def test_the_names_of_the_code_are_found() -> None:
    found = _tool("check_docs").defined
    assert found(ROOT / "src", ["infmap", "load"])
    assert found(ROOT / "src", ["infmap", "inference", "postprocess"])
    assert found(ROOT / "src", ["infmap", "core", "errors", "RejectedFilm", "reason"])
    assert not found(ROOT / "src", ["infmap", "core", "errors", "FlyingFilm"])


def test_the_pipeline_page_shows_the_layers_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "pipeline.md").write_text(page.replace("\ncli\n", "\n"), encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (found,) = _tool("check_docs").other_layers(tmp_path)
    assert "the layers are not those" in found


def test_the_pages_use_the_words_of_the_field() -> None:
    assert _tool("check_words").problems(ROOT) == []


def test_the_words_check_finds_a_term_over_a_line_break_and_not_in_code(tmp_path: Path) -> None:
    text = "# Judged\n\nThe text is burnt\nin. `learnt`\n\n```\ntones\n```\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    found = _tool("check_words").problems(tmp_path)
    assert [line.partition(";")[0] for line in found] == [
        "README.md:1: 'Judged'",
        "README.md:3: 'burnt in'",
    ]


def test_the_readme_shows_what_the_shipped_model_says() -> None:
    tool = _tool("render_result")
    drawn = tool.picture()
    with Image.open(tool.FILE) as file:
        shown = np.asarray(file.convert("RGB"), dtype=np.float32)
    assert shown.shape == (drawn.height, drawn.width, 3)
    # Grey levels, mean over the picture. JPEG alone changes it by about 1, another film by 20.
    assert np.abs(shown - np.asarray(drawn, dtype=np.float32)).mean() < 4


def test_helpers_of_tests_have_names_of_their_own() -> None:
    # Folders of tests are put on one path: of two helpers with a name, either may be imported.
    tests = ROOT / "tests"
    helpers = [
        file.stem
        for file in tests.rglob("*.py")
        if not file.stem.startswith(("test_", "__")) and file.stem != "conftest"
    ]
    assert sorted(set(helpers)) == sorted(helpers)


def _imported(code: str) -> set[str]:
    """Top-level modules that are loaded after some code ran in a fresh interpreter."""
    code += "; import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _checker() -> ModuleType:
    return _tool("check_docs")


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
