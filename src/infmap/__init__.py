"""infmap: infection map, severity and detection of COVID-19 from a chest X-ray.

Research use only. Not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"
__all__ = ["Model", "Prediction", "Radiograph", "__version__", "load"]

if TYPE_CHECKING:
    from infmap.api import Model, Prediction, load
    from infmap.core.types import Radiograph


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that ``infmap --help`` is instant."""
    if name in ("Model", "Prediction", "Radiograph", "load"):
        from infmap import api

        return getattr(api, name)
    raise AttributeError(f"module 'infmap' has no attribute {name!r}")
