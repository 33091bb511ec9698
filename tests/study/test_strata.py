"""By view, sex and age."""

from infmap.study.strata import strata_figures


def test_view_sex_and_age_are_parts_of_a_source(planted):
    films, _ = planted()
    rows = [
        {"film_id": str(name), "view": ("AP Supine", "PA", None, "L")[i % 4],
         "sex": "FM"[i % 2], "age": float(30 + i % 60)}
        for i, name in enumerate(films.table.text["film_id"])
    ]  # fmt: skip
    found = strata_figures(films, rows)
    names = {name.partition(", ")[2] for name in found}
    assert {"AP", "PA", "below 50 years", "50 to 69 years", "from 70 years"} <= names
    assert all(name.partition(", ")[0] in ("cohen", "general") for name in found)
