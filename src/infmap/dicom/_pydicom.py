"""Import pydicom where a folder named ``dl`` lies beside the running script.

pydicom imports python-gdcm where that is installed, which none of this project needs. gdcm tries
``import dl``, a module of Python 2, and takes any folder of that name for it, upon which the
import of pydicom fails.
"""

from __future__ import annotations

import sys


def ensure_importable() -> None:
    """Import pydicom, with ``dl`` as absent as it is in Python 3."""
    if "pydicom" in sys.modules:
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    hidden = "dl" not in modules
    if hidden:
        modules["dl"] = None
    try:
        import pydicom  # noqa: F401
    finally:
        if hidden:
            modules.pop("dl", None)
