"""What a caller of the station's domain has to answer for.

InfmapError
├── NotFound          no such thing, or not for this user: no answer says which
├── WrongSequence     a draft's next stroke has another number
├── Fenced            a draft was taken over by another tab
└── Taken             a task went to another reader, or is decided
"""

from __future__ import annotations

from infmap.core.errors import InfmapError


class NotFound(InfmapError):
    """There is no such thing, or this user may not know of it.

    Args:
        kind: what was asked for, such as "task".
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind}: there is no such {kind}, or it is not yours")


class WrongSequence(InfmapError):
    """Strokes do not follow the ones that the draft has.

    Attributes:
        seq: number of the draft's last stroke; the next one is ``seq + 1``.
    """

    def __init__(self, seq: int) -> None:
        super().__init__(f"draft: expected strokes from number {seq + 1}; send those again")
        self.seq = seq


class Fenced(InfmapError):
    """Another tab has taken the draft over.

    Attributes:
        epoch: the draft's.
    """

    def __init__(self, epoch: int) -> None:
        super().__init__("draft: another tab has taken it over; take it back to go on here")
        self.epoch = epoch


class Taken(InfmapError):
    """A lease ran out and another reader has the task, or it is decided already.

    Attributes:
        version: the task's.
    """

    def __init__(self, version: int) -> None:
        super().__init__("task: it is decided, or another reader has it now; your strokes are kept")
        self.version = version
