"""What each model leaves out is data."""

import pytest

from infmap.core.errors import SnapshotError, UsageError
from infmap.study.external import Fold, Part, left_out, read_external


def test_films_are_left_out_by_source_path_and_half():
    rows = [
        {"source": "r", "path": f"{kind}/images/{kind}-{i}.png", "film_id": f"r/{kind}-{i}"}
        for kind in ("COVID", "Normal")
        for i in range(4)
    ] + [{"source": "s", "path": "a2/film.png", "film_id": "s/film"}]
    fold = Fold(name="A", left_out=(Part(source="r", path="*COVID/images/*", half=1),))
    assert [r["film_id"] for r in left_out(rows, fold)] == ["r/COVID-1", "r/COVID-3"]
    # The number is the file's, not the folder's; a name without one is in half 0.
    assert Part(source="s", half=0).holds(rows[-1]) and not Part(source="s", half=1).holds(rows[-1])
    with pytest.raises(SnapshotError, match="fold B: expected films of t"):
        left_out(rows, Fold(name="B", left_out=(Part(source="t"),)))


def test_the_shipped_design_leaves_every_source_out_once(pytestconfig):
    design = read_external(pytestconfig.rootpath / "configs" / "external.yaml")
    parts = [str(part) for fold in design.folds for part in fold.left_out]
    assert len(set(parts)) == len(parts) and len(design.folds) == 2
    halves = {p[:-1] for p in parts if ", half" in p}
    assert all(f"{name}{half}" in parts for name in halves for half in (0, 1))
    assert design.bars and design.floors


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"folds": []}, "folds"),
        ({"folds": [{"name": "A", "left_out": [{"source": "a"}]}] * 2}, "names that differ"),
        ({"folds": [{"name": "A", "left_out": [{"source": "a", "half": 2}]}]}, "half"),
        (
            {
                "folds": [{"name": "A", "left_out": [{"source": "a"}]}],
                "bars": [{"films": "a", "figure": "b", "at_least": 1, "at_most": 2}],
            },
            "at_least or at_most",
        ),
    ],
)
def test_a_wrong_design_is_one_line(values, message, tmp_path):
    import yaml

    file = tmp_path / "external.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(UsageError, match=message) as refused:
        read_external(file)
    assert "\n" not in str(refused.value)
