"""Average the weights of model folders: python tools/average_weights.py A B ... OUT/weights.pt."""

from __future__ import annotations

import sys

import torch

*folders, out = sys.argv[1:]
states = [torch.load(f"{f}/weights.pt", map_location="cpu", weights_only=True) for f in folders]
torch.save(
    {
        key: sum(s[key].float() for s in states) / len(states)
        if value.is_floating_point()
        else value
        for key, value in states[0].items()
    },
    out,
)
