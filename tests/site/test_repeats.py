"""Films that show one exposure twice are found; films of different patients are not."""

import numpy as np
from PIL import Image

from infmap.phantom import render
from infmap.site import repeats, thumbnail


def test_a_film_resized_windowed_or_inverted_in_contrast_repeats_itself():
    films = [render(seed, size=256).pixels for seed in range(6)]
    small = Image.fromarray(films[2]).resize((150, 150), Image.Resampling.BOX)
    changed = [np.sqrt(films[0]), np.clip(films[1] * 1.3, 0, 1), np.asarray(small, np.float32)]
    found = repeats([thumbnail(film) for film in (*films, *changed)])
    assert found.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_a_blank_film_repeats_none_and_no_film_is_no_repeat():
    blank = np.zeros((80, 80), np.float32)
    assert repeats([thumbnail(render(0, size=128).pixels), thumbnail(blank)]).tolist() == [0, 1]
    assert repeats([]).tolist() == []
