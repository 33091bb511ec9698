"""Exchange of style between films of a batch."""

import numpy as np
import pytest
import torch
from PIL import Image

from infmap.training.style import change_style, coarsen, compress, match_lungs, mix_spectrum

SIZE = 64


def batch(n=6, seed=0):
    """Films whose lungs differ in grey level, and their lungs."""
    random = torch.Generator().manual_seed(seed)
    smooth = torch.rand(n, 1, SIZE // 4, SIZE // 4, generator=random)
    images = torch.nn.functional.interpolate(smooth, size=(SIZE, SIZE), mode="bilinear")
    lungs = torch.zeros(n, 1, SIZE, SIZE)
    lungs[:, :, 8:56, 8:28] = lungs[:, :, 8:56, 36:56] = 1.0
    level = torch.linspace(0.1, 0.8, n).view(n, 1, 1, 1)
    return 0.2 * images + level, lungs


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("change", [mix_spectrum, coarsen, compress])
def test_a_change_keeps_shape_and_range_and_leaves_films_alone_at_share_0(change):
    images, _ = batch()
    same = change(images, generator(), 0.0)
    assert torch.equal(same, images)
    changed = change(images, generator(), 1.0)
    assert changed.shape == images.shape
    assert 0.0 <= float(changed.min()) <= float(changed.max()) <= 1.0
    assert not torch.allclose(changed, images, atol=1e-3)
    assert torch.equal(images, batch()[0])


def test_style_is_replayed_by_its_seed():
    images, lungs = batch()
    first = change_style(images, lungs, generator())
    assert torch.equal(first, change_style(images, lungs, generator()))
    assert not torch.equal(first, change_style(images, lungs, generator(4)))


def test_matched_lungs_have_the_grey_levels_of_the_other_film():
    images, lungs = batch(2)
    order = torch.randperm(2, generator=_after_choice(2))
    assert order.tolist() == [1, 0]
    changed = match_lungs(images, lungs, generator(), 1.0)
    inside = lungs[0, 0] > 0.5
    for film in range(2):
        other = images[int(order[film]), 0][inside]
        found = changed[film, 0][inside]
        assert float(found.median()) == pytest.approx(float(other.median()), abs=0.02)
        # The curve is monotone: what was brighter stays so.
        ranks = np.argsort(images[film, 0].flatten().numpy(), kind="stable")
        assert (np.diff(changed[film, 0].flatten().numpy()[ranks]) >= -1e-5).all()


def _after_choice(n):
    random = generator()
    torch.rand(n, generator=random)
    return random


def test_films_without_lungs_keep_their_grey_levels():
    images, lungs = batch()
    assert torch.equal(match_lungs(images, torch.zeros_like(lungs), generator(), 1.0), images)


def test_a_mixed_spectrum_changes_coarse_brightness_and_keeps_fine_texture():
    images, _ = batch()
    changed = mix_spectrum(images, generator(), 1.0)
    before, after = torch.fft.rfft2(images), torch.fft.rfft2(changed)
    fine = slice(SIZE // 4, SIZE // 2)
    inside = (changed.amin(dim=(1, 2, 3)) > 0) & (changed.amax(dim=(1, 2, 3)) < 1)  # not cut
    assert inside.any()
    assert torch.allclose(before[inside][:, :, fine], after[inside][:, :, fine], atol=1e-2)
    assert not torch.allclose(before[:, :, 0, 0], after[:, :, 0, 0], atol=1.0)


def test_compression_is_that_of_jpeg(tmp_path, monkeypatch):
    monkeypatch.setattr("infmap.training.style.QUALITIES", (40, 40))
    images, _ = batch()
    images = (images + 0.1 * torch.rand(images.shape, generator=generator())).clamp(0, 1)
    ours = compress(images, generator(), 1.0)
    for film, changed in zip(images, ours, strict=True):
        pixels = Image.fromarray(np.rint(film[0].numpy() * 255).astype(np.uint8))
        pixels.save(tmp_path / "film.jpg", quality=40)
        theirs = np.asarray(Image.open(tmp_path / "film.jpg"), np.float64) / 255
        assert np.abs(changed[0].numpy() - theirs).mean() < 0.004
        assert np.abs(film[0].numpy() - theirs).mean() > 0.01


def test_a_coarse_film_has_lost_its_finest_detail():
    images = torch.rand(4, 1, SIZE, SIZE, generator=generator())
    changed = coarsen(images, generator(), 1.0)
    fine = torch.fft.rfft2(images)[:, :, SIZE // 2].abs().mean()
    assert float(torch.fft.rfft2(changed)[:, :, SIZE // 2].abs().mean()) < 0.2 * float(fine)
