"""Tests of `infmap.dedup.embedding`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.dedup.embedding import candidates, equalised

sys.path.insert(0, str(Path(__file__).parent))
from disguises import FILMS  # noqa: E402


def test_a_learnt_embedding_and_inverted_lists_find_copies_too(thumbs, monkeypatch) -> None:
    monkeypatch.setattr("infmap.dedup.embedding._FEWEST", 10)
    monkeypatch.setattr("infmap.dedup.embedding._FLAT", 10)
    everything = np.concatenate([thumbs, 255 - thumbs[:4]])
    found = candidates(everything, np.arange(len(everything)))
    pairs = {frozenset(p) for p in zip(found.query.tolist(), found.other.tolist())}
    assert all(frozenset((n, FILMS + n)) in pairs for n in range(4))


def test_ranks_ignore_tone_curves_and_turn_over_with_the_film(thumbs) -> None:
    assert np.abs(equalised(255 - thumbs) + equalised(thumbs)).max() < 1e-5
    np.testing.assert_allclose(equalised(thumbs // 2 * 2), equalised(thumbs // 2), atol=1e-5)
