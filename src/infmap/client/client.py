"""The client: one film at once, many as a job, and everything that is made of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from infmap.client.calls import Broken, Calls
from infmap.client.films import Film, FilmEvent, Kind, mapping, rows, text
from infmap.client.job import Job
from infmap.core.errors import PeerError, RejectedFilm, UnreadableFilm, UsageError
from infmap.core.files import Json, replacing
from infmap.core.files import sha256 as sha256_of

if TYPE_CHECKING:
    import httpx

# Films that are sent at one time: the server brings one to the disk while another is on the way.
SENDING = 4
# Seconds until a film is asked for as a job: well below what a proxy waits for an answer.
WAIT = "30"
MAPS = ("infection", "opacity", "lungs")


class Client:
    """A server of ``infmap serve``.

    Example::

        with Client("http://127.0.0.1:8020") as client:
            film = client.predict("chest.dcm")
            print(film.figures["infected_fraction"])

    Args:
        url: its address.
        key: an API key; None for a server on this machine that asks for none.
        patience: seconds that a server which does not answer is asked again.
        transport: for tests, see httpx.

    Raises:
        UsageError: it is no address, or a key would be sent over a network for all to read.
        MissingExtra: httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._calls = Calls(url, key, patience, transport)

    def models(self) -> list[Mapping[str, Json]]:
        """The models that the server has, the default one first.

        ``areas`` of each says what its areas were worth; ``areas["errors"]`` how much too high or
        too low its shares were, 0.01 being one percentage point of the lungs, None where unknown.
        """
        return [mapping(row) for row in rows(self._calls.json("GET", "/v1/models")[1])]

    def predict(
        self,
        path: str | PathLike[str],
        *,
        model: str | None = None,
        threshold: float | None = None,
    ) -> Film:
        """Read one film.

        Args:
            path: its file.
            model: name of a model; the server's default without it.
            threshold: of infection, in (0, 1); the model's own without it.

        Raises:
            RejectedFilm: it was read, and is not fit for use.
            UnreadableFilm: it could not be read.
            UsageError: the server refuses the request, or there is no such file.
            PeerError: the server does not answer, or not as it should.
        """
        file = _file(path)
        query = {"name": file.name, "wait": WAIT}
        if model is not None:
            query["model"] = model
        if threshold is not None:
            query["threshold"] = str(threshold)
        status, answer = self._calls.json(
            "POST", "/v1/films", file=file, query=query, expected=(422,)
        )
        if status == 202:  # it is being read: go on as for a job
            (done,) = self.job(text(mapping(answer), "job")).results()
            return self._read(done, str(path))
        told = mapping(answer)
        if status == 422:
            raise _not_read(told.get("status"), told.get("error"), str(path))
        return Film.of(answer)

    def submit(
        self,
        paths: Iterable[str | PathLike[str]],
        *,
        models: Sequence[str] = (),
        threshold: float | None = None,
        id: str | None = None,
    ) -> Job:
        """Send many films as one job. Films that the server has are not sent again.

        Args:
            paths: files, folders (all files in them) and zip files.
            models: names of models, each of which reads every film; the default one without any.
            threshold: as of ``predict``.
            id: 22 letters, digits, "-" and "_" of your choice; a call that was stopped goes on
                where it was when it is made again with the same films and the same id.

        Raises:
            UsageError: there are no films, or the server refuses them.
            PeerError: the server does not answer, or not as it should.
        """
        files = [file for path in paths for file in _files(path)]
        if not files:
            raise UsageError("films: expected one or more files, got none")
        with ThreadPoolExecutor(SENDING) as pool:
            digests = list(pool.map(sha256_of, files))
            by_digest = dict(zip(digests, files, strict=True))
            films = [
                {"name": file.name, "sha256": digest, "size": file.stat().st_size}
                for file, digest in zip(files, digests, strict=True)
            ]
            body: dict[str, object] = {"id": id or secrets.token_urlsafe(16), "films": films}
            if models:
                body["models"] = list(models)
            if threshold is not None:
                body["threshold"] = threshold
            made = mapping(self._calls.json("POST", "/v1/jobs", body=body)[1])
            job = Job(text(made, "id"), self._calls)
            wanted = [str(digest) for digest in rows(made.get("wanted"))]
            if not set(wanted) <= set(by_digest):
                raise UsageError("id: expected the films of the job that has it, got others")
            for _ in pool.map(lambda digest: self._send(job, digest, by_digest[digest]), wanted):
                pass
        return job

    def job(self, id: str) -> Job:
        """A job that was made before."""
        return Job(id, self._calls)

    def film(self, film: str | FilmEvent | Film) -> Film:
        """A film that was read.

        Raises:
            UsageError: there is none of this identifier for this key.
        """
        return Film.of(self._calls.json("GET", f"/v1/films/{_id(film)}")[1])

    def download(self, film: str | FilmEvent | Film, kind: Kind, to: str | PathLike[str]) -> Path:
        """Save what is made of a film, all or nothing.

        Args:
            film: it, or its identifier.
            kind: of what.
            to: the file; one that is there is replaced.

        Returns:
            The file.

        Raises:
            UsageError: there is no such film, or nothing of this kind of it.
            PeerError: the server does not answer, or the connection broke.
        """
        path = f"/v1/films/{_id(film)}/{'map' if kind in MAPS else kind}"
        query = {"layer": kind} if kind in MAPS else None
        target = Path(to)
        try:
            with (
                self._calls.stream(path, query) as answer,
                replacing(target) as part,
                part.open("wb") as file,
            ):
                for piece in answer.iter_bytes():
                    file.write(piece)
        except Broken as error:
            raise PeerError(
                f"server: the connection broke ({type(error).__name__}); download it again"
            ) from error
        return target

    def delete(self, film: str | FilmEvent | Film) -> None:
        """Delete a film from the server, with all that was made of it; another key's copy stays.

        Raises:
            UsageError: there is none of this identifier for this key.
        """
        self._calls.json("DELETE", f"/v1/films/{_id(film)}")

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, job: Job, digest: str, file: Path) -> None:
        self._calls.json("PUT", f"/v1/jobs/{job.id}/films/{digest}", file=file)

    def _read(self, done: FilmEvent, path: str) -> Film:
        if done.status != "ok" or done.film is None:
            raise _not_read(done.status, done.reason, path)
        return self.film(done.film)


def _not_read(status: Json, reason: Json, path: str) -> RejectedFilm | UnreadableFilm | UsageError:
    line = str(reason or "the film was not read")
    if status == "rejected":
        return RejectedFilm(line, path)
    if status == "failed":
        return UnreadableFilm(line, path)
    return UsageError(f"server: {line}")


def _id(film: str | FilmEvent | Film) -> str:
    if isinstance(film, Film):
        return film.id
    found = film.film if isinstance(film, FilmEvent) else film
    if found is None:
        raise UsageError("film: expected one that was read, got one without a result")
    return found


def _file(path: str | PathLike[str]) -> Path:
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"{file}: expected a film, there is no such file")
    return file


def _files(path: str | PathLike[str]) -> list[Path]:
    """A file, or all files in a folder in name order; hidden ones are left out."""
    folder = Path(path)
    if not folder.is_dir():
        return [_file(path)]
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [
        file
        for file in found
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
