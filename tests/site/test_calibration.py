"""A site's operating point and probability, from outputs whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from infmap.inference.manifest import Manifest, PlattScaling, Thresholds
from infmap.site import (
    SiteFilms,
    calibrated,
    cross_validated,
    figures,
    fit_site,
    healthy_needed,
    supported_specificity,
)
from infmap.site.calibration import FEWEST, fit_scaling, rescaled
from infmap.site.films import log_odds

SIZE = 24
MANIFEST = Manifest("m", "1", thresholds=Thresholds(0.6, 0.2), detection=PlattScaling())


def site(healthy=60, sick=0, unlabelled=0, shift=3.0, gap=4.0, seed=0, per_patient=1):
    """Films whose log-odds lie ``shift`` higher than where the model was calibrated."""
    random = np.random.default_rng(seed)
    label = np.repeat([0, 1, -1], [healthy, sick, unlabelled])
    truth = np.where(label < 0, np.arange(len(label)) % 2, label)
    odds = random.normal(0, 1.5, len(label)) + np.where(truth > 0, gap / 2, -gap / 2) + shift
    logits = np.stack([odds, np.zeros(len(label)), np.full(len(label), -99.0)], 1)
    maps = np.zeros((len(label), 3, SIZE, SIZE), np.uint8)
    maps[:, 2, 4:20, 2:10] = maps[:, 2, 4:20, 14:22] = 250
    maps[:, 0, 8:12, 4:8] = 128
    groups = np.arange(len(label)) // per_patient
    return SiteFilms(maps, logits.astype(np.float32), label.astype(np.int8), label == 0, groups)


def after(films, manifest, aim):
    fitted = fit_site(films, manifest, aim)
    return fitted, calibrated(manifest, fitted, "60 films of X")


def test_a_shifted_site_gets_its_specificity_back_and_keeps_the_level_of_masks():
    films, more = site(), site(healthy=400, sick=200, seed=1)
    fitted, new = after(films, MANIFEST, 0.95)
    assert fitted.slope == 1.0 and fitted.intercept < -1.0 and not fitted.recalibrated
    assert new.thresholds.infection == MANIFEST.thresholds.infection
    called = films.read(new).detected
    assert called.sum() == 2  # of 60: the highest but two, 58 of 61, lie at or below
    before, now = (figures(more, more.read(m)) for m in (MANIFEST, new))
    assert before.specificity.value < 0.5 < 0.9 < now.specificity.value
    assert now.infected.value < before.infected.value
    assert now.auroc == before.auroc


def test_a_site_that_is_quiet_gets_more_sensitive():
    quiet = site(shift=-4.0)
    fitted, new = after(quiet, MANIFEST, 0.95)
    more = site(healthy=200, sick=200, shift=-4.0, seed=1)
    assert fitted.intercept > 0.0
    before, now = (figures(more, more.read(m)) for m in (MANIFEST, new))
    assert now.sensitivity.value > before.sensitivity.value


def test_the_aim_holds_on_the_average_over_sites():
    rates = []
    more = site(healthy=500, seed=99)
    odds = log_odds(more.read(MANIFEST).probability)
    for seed in range(40):
        _, new = after(site(healthy=20, seed=seed), MANIFEST, 0.95)
        point = np.log(0.6 / 0.4) - new.detection.intercept
        rates.append((odds < point).mean())
        if seed == 0:
            assert rates[0] == pytest.approx(1 - more.read(new).detected.mean(), abs=1e-9)
    assert np.mean(rates) == pytest.approx(0.952, abs=0.02)
    assert np.mean(np.array(rates) >= supported_specificity(20, 0.95)) >= 0.85


@pytest.mark.parametrize(("aim", "needed"), [(0.95, 19), (0.9, FEWEST), (0.99, 99), (0.5, FEWEST)])
def test_how_many_healthy_patients_a_specificity_needs(aim, needed):
    assert healthy_needed(aim) == needed


def test_what_healthy_films_support_is_the_limit_of_clopper_and_pearson():
    assert supported_specificity(20, 0.95) == pytest.approx(0.05 ** (1 / 20))
    assert supported_specificity(200, 0.95) > supported_specificity(20, 0.95)
    assert supported_specificity(200, 0.95) < 0.95


def test_labels_make_the_probability_true():
    films, more = site(80, 80, shift=3.0), site(500, 500, shift=3.0, seed=1)
    fitted, new = after(films, MANIFEST, 0.95)
    assert fitted.recalibrated and fitted.slope > 0.0
    before, now = (figures(more, more.read(m)) for m in (MANIFEST, new))
    assert now.brier.value < before.brier.value - 0.05
    assert now.ece.value < before.ece.value - 0.1
    assert now.specificity.value > 0.9
    assert new.detection.population == new.thresholds.infection_chosen_on == "60 films of X"
    assert new.thresholds.opacity == MANIFEST.thresholds.opacity


def test_few_labels_change_little():
    odds = np.array([-2.0, 2.0])
    slope, intercept = fit_scaling(odds, np.array([True, False]), np.arange(2))
    assert 0.3 < slope < 1.0 and abs(intercept) < 1.0
    one_patient = fit_scaling(np.tile(odds, 50), np.tile([True, False], 50), np.tile([0, 1], 50))
    assert one_patient == pytest.approx((slope, intercept), abs=1e-3)
    assert fit_site(site(30, FEWEST - 1), MANIFEST, 0.9).recalibrated is False


def test_a_patient_counts_once_with_the_highest_film():
    films = site(healthy=60, per_patient=3)
    fitted, new = after(films, MANIFEST, 0.95)
    assert films.patients(films.healthy) == 20
    assert not films.read(new).detected.any()  # above the highest of 20 patients


def test_cross_validation_reads_no_film_by_its_own_calibration():
    films = site(healthy=40, sick=30, unlabelled=20)
    own = figures(films, films.read(after(films, MANIFEST, 0.95)[1]))
    crossed = cross_validated(films, MANIFEST, 0.95)
    assert crossed.brier.value >= own.brier.value
    assert crossed.called == own.called
    assert crossed.auroc == own.auroc
    assert crossed == cross_validated(films, MANIFEST, 0.95)
    tight = site(healthy=20)
    left_out = cross_validated(tight, MANIFEST, 0.95).specificity.value
    assert figures(tight, tight.read(after(tight, MANIFEST, 0.95)[1])).specificity.value == 1.0
    assert left_out < 1.0


def test_figures_of_what_is_not_there_are_none():
    found = figures(site(healthy=20), site(healthy=20).read(MANIFEST))
    assert found.sensitivity is found.auroc is found.brier is found.called is None
    assert found.specificity.films == 20


def test_a_scaling_of_any_inputs_is_rescaled():
    old = PlattScaling(0.8, 0.5, -1.0, "these", amount_slope=1.5)
    new = rescaled(old, 0.7, 0.4)
    for x, y, z in ((1.0, -2.0, 0.3), (-3.0, 0.5, 2.0)):
        assert new.log_odds(x, y, z) == pytest.approx(0.7 * old.log_odds(x, y, z) + 0.4)
    assert new.population == "these"
    assert rescaled(PlattScaling(1, 0, 0), 0.5, 1.0).class_slope == 0.5


def test_healthy_films_are_known_to_be_without_covid19():
    films = site(healthy=3, sick=1)
    with pytest.raises(ValueError, match="without COVID-19"):
        replace(films, healthy=np.ones(4, bool))
    with pytest.raises(ValueError, match="expected one length"):
        replace(films, groups=np.arange(3))
    with pytest.raises(ValueError, match="expected healthy films"):
        fit_site(films.part(films.covid19 == 1), MANIFEST, 0.9)
