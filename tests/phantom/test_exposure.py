"""Tests of `infmap.phantom.exposure`."""

from __future__ import annotations

from functools import cache

from infmap.phantom import Opacity, PhantomFilm, render

SIZE = 256


@cache
def film(seed: int = 3, *asked: tuple[str, float, float]) -> PhantomFilm:
    return render(seed, size=SIZE, opacities=[Opacity(*a) for a in asked])


def test_lungs_are_darker_than_mediastinum_and_abdomen_and_brighter_than_air() -> None:
    f = film()
    lungs = float(f.pixels[f.lungs].mean())
    centre = float(f.pixels[SIZE // 2 : SIZE * 5 // 8, SIZE * 31 // 64 : SIZE * 33 // 64].mean())
    abdomen = float(f.pixels[-SIZE // 10 :, SIZE // 3 : SIZE // 2].mean())
    assert f.pixels[:20, -20:].mean() < 0.1 < lungs < centre - 0.2
    assert lungs < abdomen - 0.2
