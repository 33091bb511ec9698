"""Average the weights of model folders: python tools/average_weights.py A B ... OUT.

OUT gets ``weights.safetensors``, float32, and ``films.txt``, the training films of all of them: a
folder that ``network.weights`` may name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save

from infmap.models.folder import WEIGHTS, read_weights
from infmap.training.origins import FILMS, training_films, write_training_films

*folders, out = map(Path, sys.argv[1:])
states = [read_weights(folder)[1] for folder in folders]
out.mkdir(parents=True, exist_ok=True)
mean = {
    key: (sum(s[key].float() for s in states) / len(states)) if value.is_floating_point() else value
    for key, value in states[0].items()
}
dense = {key: value.contiguous() for key, value in mean.items()}  # kernels are channels last
(out / WEIGHTS).write_bytes(save(dense))
# A folder that does not say leaves the average without the list, as it is without one itself.
if all((folder / FILMS).is_file() for folder in folders):
    write_training_films(out, set[str]().union(*(training_films(folder) for folder in folders)))
