"""What became of one object that was sent."""

from __future__ import annotations

from dataclasses import dataclass

from infmap.core.errors import PeerError

# PS3.4 B.2.3: warnings say that it is stored, with elements coerced or discarded.
_STORED_WITH_WARNING = (0xB000, 0xB006, 0xB007)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_PROCESSING_FAILURE = 0x0110


@dataclass(frozen=True)
class Sent:
    """The peer's answer on one object.

    Attributes:
        uid: SOP Instance UID of the object.
        status: of PS3.7 annex C, 0 for success; None where no answer came or none was possible.
        reason: what went wrong, in words without anything of the object; "" where it is stored.
        final: the peer never takes such an object, whatever ``status`` says.
        wait: seconds that the peer asks to be left alone.
    """

    uid: str
    status: int | None
    reason: str = ""
    final: bool = False
    wait: float = 0.0

    @property
    def stored(self) -> bool:
        """The peer has the object."""
        return self.status == 0 or self.status in _STORED_WITH_WARNING

    @property
    def again(self) -> bool:
        """A later try may succeed: no answer came, or the peer was out of room or broken."""
        if self.final or self.status is None:
            return not self.final
        return self.status in _OUT_OF_RESOURCES or self.status == _PROCESSING_FAILURE


class Refused(PeerError):
    """A peer that is there and says no: not waiting helps, but who sets up one of the two."""


class Busy(PeerError):
    """A peer that is there and cannot answer now.

    Args:
        message: for the user.
        status: of HTTP.
        wait: seconds that it asks to be left alone; 0 where it names none.
    """

    def __init__(self, message: str, status: int, wait: float) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait


NOT_ACCEPTED = "the peer does not take objects of this class or transfer syntax"
NO_ANSWER = "no answer; whether it is stored is not known, so query before sending again"


def reason_of(status: int) -> str:
    """A status in words; "" for one that says that the object is stored."""
    if Sent("", status).stored:
        return ""
    if status in _OUT_OF_RESOURCES:
        return f"refused, out of resources (status {status:04X})"
    return f"failed (status {status:04X})"
