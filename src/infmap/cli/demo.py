"""infmap demo: the main job on sample films rendered by the project's phantom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for films and results")] = Path(
        "infmap-demo"
    ),
) -> int:
    """Render sample films, read them, and print where the report lies.

    Example: infmap demo -o infmap-demo
    """
    from infmap.api import load
    from infmap.workflows.predict import Run, predict_films

    films = write_samples(out / "films")
    run = Run(out / "results", title="Demo on rendered films")
    outcome = predict_films(load(), [str(path) for path in films], run)
    sys.stdout.write(f"{outcome.counts['ok']} of {len(films)} sample films read\n")
    sys.stdout.write(f"report: {(out / 'results' / 'report.html').resolve()}\n")
    return 0 if outcome.all_ok else 3


def write_samples(folder: Path) -> list[Path]:
    """Render the phantom's sample films: PNG, and the last one as DICOM."""
    import numpy as np
    from PIL import Image

    from infmap.dicom.write import write_dx
    from infmap.phantom import sample_films

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    samples = sample_films()
    for name, film in samples[:-1]:
        paths.append(folder / f"{name}.png")
        Image.fromarray(np.round(film.pixels * 255.0).astype(np.uint8)).save(paths[-1])
    name, film = samples[-1]
    paths.append(folder / f"{name}.dcm")
    pixels = np.round(film.pixels * 4095.0).astype(np.uint16)
    # 0.7 mm: 40 cm of detector on 512 pixels are 0.78; near enough for a demo, and round.
    write_dx(paths[-1], pixels, spacing_mm=(0.7, 0.7), patient_id="PHANTOM")
    return paths
