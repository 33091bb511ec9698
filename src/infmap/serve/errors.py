"""What the server's domain refuses; messages are one line and name no film and no patient."""

from __future__ import annotations

from infmap.core.errors import InfmapError, UsageError


class NotFound(InfmapError):
    """There is none of this identifier, or it is somebody else's.

    Args:
        what: the kind of thing that was asked for, such as "job".
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: there is none of this identifier")


class UploadRefused(UsageError):
    """Bytes that were sent are not taken.

    Attributes:
        too_large: they are more than are taken.
    """

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large
