"""A job on a server: its events as they come, its results, its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infmap.client.calls import Broken, Calls
from infmap.client.films import FilmEvent, mapping, rows, text
from infmap.core.files import Json, parse_json


@dataclass(frozen=True)
class Job:
    """Films that were sent together.

    Attributes:
        id: identifier; with it ``Client.job`` finds the job again, also from another program.
    """

    id: str
    _calls: Calls

    def events(self) -> Iterator[FilmEvent]:
        """What came of each film, as soon as it is known; ends when the job has ended.

        A connection that breaks is made again, and goes on after the last event.

        Raises:
            UsageError: there is no such job, or no right to it.
            PeerError: the server does not come back.
        """
        last = ""
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with self._calls.stream(f"/v1/jobs/{self.id}/events", headers=headers) as answer:
                    if answer.status_code == 204:
                        return  # over, and all of it was told
                    for kind, number, data in _frames(answer.iter_lines()):
                        last = number or last
                        if kind == "done":
                            return
                        if kind == "item":
                            yield FilmEvent.of(data)
            except Broken:
                self._calls.rest()

    def results(self) -> list[FilmEvent]:
        """All films in their order, once the job has ended."""
        for _ in self.events():
            pass
        return self.films()

    def films(self) -> list[FilmEvent]:
        """All films in their order, as they are now."""
        return [FilmEvent.of(item) for item in rows(self._state().get("items"))]

    @property
    def state(self) -> str:
        """While films are under way "open", then "done" or "cancelled"."""
        return text(self._state(), "state")

    def cancel(self) -> None:
        """End the job: what is not read yet will not be."""
        self._calls.json("DELETE", f"/v1/jobs/{self.id}")

    def delete_films(self) -> None:
        """End the job, and delete its films from the server with all that was made of them."""
        self._calls.json("DELETE", f"/v1/jobs/{self.id}/films")

    def _state(self) -> dict[str, Json]:
        return dict(mapping(self._calls.json("GET", f"/v1/jobs/{self.id}")[1]))


def _frames(lines: Iterator[str]) -> Iterator[tuple[str, str, Json]]:
    """Kind, number and data of events (HTML, 9.2.6: parsing an event stream)."""
    kind, data, number = "", "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            number = value
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif not line:  # a blank line ends an event; one that was cut off never gets it
            if data:
                yield kind, number, parse_json(data)
            kind, data = "", ""
