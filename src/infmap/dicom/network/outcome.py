"""What became of one object that was sent."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    uid: str
    status: int | None
    reason: str = ""

    @property
    def stored(self) -> bool:
        """The peer has the object."""
        return self.status == 0 or self.status in _STORED_WITH_WARNING

    @property
    def again(self) -> bool:
        """A later try may succeed: no answer came, or the peer was out of room or broken."""
        if self.status is None:
            return self.reason != NOT_ACCEPTED
        return self.status in _OUT_OF_RESOURCES or self.status == _PROCESSING_FAILURE


NOT_ACCEPTED = "the peer does not take objects of this class or transfer syntax"
NO_ANSWER = "no answer; whether it is stored is not known, so query before sending again"


def reason_of(status: int) -> str:
    """A status in words; "" for one that says that the object is stored."""
    if Sent("", status).stored:
        return ""
    if status in _OUT_OF_RESOURCES:
        return f"refused, out of resources (status {status:04X})"
    return f"failed (status {status:04X})"
