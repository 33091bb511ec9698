"""Labels that contradict themselves or the folder are one line each."""

import pytest

from infmap.core.errors import UsageError
from infmap.site import Label, read_labels


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    paths = [folder / f"{name}.png" for name in "abc"]
    for path in paths:
        path.write_bytes(b"film")
    return folder, [str(path) for path in paths]


def labels(films, text, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(text, encoding="utf-8")
    return read_labels(table, *films)


def test_labels_are_known_unknown_or_healthy(films, tmp_path):
    text = "path,covid19,normal,patient_id\na.png,1,0,p1\nb.png,,1,p2\nc.png,0,,\n"
    found = labels(films, text, tmp_path)
    assert found[films[1][0]] == Label(True, False, "p1")
    assert found[films[1][1]] == Label(False, True, "p2")
    assert found[films[1][2]] == Label(False, False, "")


def test_without_a_column_of_normal_films_those_without_covid19_are_healthy(films, tmp_path):
    found = labels(films, "path;covid19\na.png;0\nb.png;\nfilms/c.png;yes\n", tmp_path)
    assert found[films[1][0]].healthy
    assert found[films[1][1]] == Label()
    assert found[films[1][2]].covid19 is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,covid19,normal\na.png,1,1\n", "both covid19 and normal"),
        ("path,covid19\na.png,perhaps\n", "expected 1, 0 or nothing, got 'perhaps'"),
        ("path,covid19\na.png,1\nd.png,1\ne.png,0\n", "2 are not there, the first is d.png"),
        ("path,covid19\na.png,1\na.png,0\n", "listed twice with different labels"),
        ("path,label\na.png,1\n", "expected the column 'covid19'"),
    ],
)
def test_a_table_that_is_not_right_is_one_line(films, tmp_path, text, said):
    with pytest.raises(UsageError, match=said) as error:
        labels(films, text, tmp_path)
    assert "\n" not in str(error.value)
