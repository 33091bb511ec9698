"""Tests of `infmap.study.page`, and that the project's own page is what its files say."""

import pytest

from infmap.core.errors import UsageError
from infmap.study.collect import collect_study
from infmap.study.page import BEGIN, END, link, page_text, write_page
from infmap.study.paper import paper_tables
from infmap.study.study import Study


def test_tables_of_a_collected_study_replace_those_between_the_marks(known_study, tmp_path):
    kept = tmp_path / "docs" / "study"
    assert collect_study(known_study, kept) == 4
    page = tmp_path / "docs" / "study.md"
    page.write_text(f"# A study\n\n{BEGIN}\nSTALE\n{END}\n\nEnd.\n")
    write_page(Study(kept), paper_tables(Study(kept)), page)
    text = page.read_text()
    assert text.startswith("# A study\n") and text.endswith("\n\nEnd.\n") and "STALE" not in text
    assert text.count("DLA, Lite0, trained") >= 4 and "119,316 films" in text
    assert "(study/report/paper-confusion.csv)" in text
    write_page(Study(kept), paper_tables(Study(kept)), page)
    assert page.read_text() == text
    first, again = (
        page_text(s, paper_tables(s), "study/report") for s in (known_study, Study(kept))
    )
    assert first == again


def test_a_page_without_marks_is_left_as_it_is(known_study, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(UsageError, match="expected the marks"):
        write_page(known_study, [], page)
    assert page.read_text() == "nothing"


def test_the_projects_page_holds_what_its_collected_runs_say(pytestconfig):
    folder = pytestconfig.rootpath / "docs" / "study"
    if not (folder / "study.json").exists():
        pytest.skip("no study is collected in docs/study")
    study, page = Study(folder), pytestconfig.rootpath / "docs" / "study.md"
    between = page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert between.strip() == page_text(study, paper_tables(study), link(study, page)).strip()
    for run in study.runs:
        result = study.result(run)
        for source, figures in (result or {}).get("held_out", {}).items():
            if (stated := figures.get("infection_f1")) and not run.classifier:
                films = study.films(run).part("held-out", source).known("tp")
                assert films.counts.pooled().dice()[0] == pytest.approx(stated["value"], abs=1e-4)
    kept = [file for file in folder.rglob("*") if file.is_file() and file.parent.name != "report"]
    assert sum(file.stat().st_size for file in kept) <= 3 * 2**20
