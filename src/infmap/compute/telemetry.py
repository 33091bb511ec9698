"""OpenVINO without its telemetry: nothing of this program's use leaves the machine."""

from __future__ import annotations

import sys

_REPORTER = "openvino_telemetry"


def no_telemetry() -> None:
    """Keep OpenVINO and NNCF from reporting that they run; called before either is imported.

    The first import in a process would start one more that tells an analytics service on the
    internet, under an identifier that it keeps in the home folder. Where the package cannot be
    imported both do without. Whoever has imported it before has decided otherwise.
    """
    # None in the place of a module makes its import fail.
    sys.modules.setdefault(_REPORTER, None)  # type: ignore[arg-type]
