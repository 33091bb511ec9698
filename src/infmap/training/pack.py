"""Films and masks of a snapshot, ready for a network and mapped from disk.

```
SNAPSHOT/pack-256-field/
    pack.json          the preprocessing, the snapshot's checksum, and the shards with theirs
    films.parquet      film_id and fingerprint of each film, in the order of the shards
    images-000.npy     uint8 (n, S, S), 0..255 = [0, 1], padded with 0
    masks-000.npy      uint8 (n, S, S), bits: 1 infection, 2 opacity, 4 lungs
```

Any film can be read without the others, and any number of threads and processes may read at once:
nothing is written after the folder has got its name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, TypeAdapter

from infmap.catalog.renamed import current_film_id
from infmap.catalog.rows import Film, film_rows
from infmap.catalog.schema import polars, write_frame
from infmap.catalog.snapshot import read_about, read_snapshot
from infmap.catalog.store import locate
from infmap.catalog.truth import NEEDED, mask_paths
from infmap.compute.lock import Busy, hold
from infmap.compute.parallel import spread
from infmap.core.errors import SnapshotError, UsageError
from infmap.core.files import read_json_object, sha256, write_json
from infmap.inference.preprocess import Preprocessing
from infmap.training.dataset import decode_film

VERSION = 1
SHARD_BYTES = 128 * 2**20
"""Size of a shard's images, bytes; its masks take as much again."""
Kind = Literal["images", "masks"]
KINDS: tuple[Kind, ...] = ("images", "masks")
_BATCH = 16
Progress = Callable[[int, int], None]
Job = tuple[int, str, Path, tuple[Path | None, ...]]
"""Place in the shard, film_id, film, and infection, opacity and lung mask."""


@dataclass(frozen=True)
class Shard:
    """Two files of a pack.

    Attributes:
        first: number of its first film among those of the pack.
        films: how many it holds.
        images: name of the file of images.
        masks: name of the file of mask bits.
        images_sha256: checksum of the file of images, hexadecimal.
        masks_sha256: checksum of the file of mask bits, hexadecimal.
    """

    first: int
    films: int
    images: str
    masks: str
    images_sha256: str
    masks_sha256: str

    def file(self, kind: Kind) -> str:
        """Name of one of the files."""
        return self.images if kind == "images" else self.masks

    def digest(self, kind: Kind) -> str:
        """Checksum of one of the files."""
        return self.images_sha256 if kind == "images" else self.masks_sha256

    def is_whole(self, folder: Path, kind: Kind) -> bool:
        """Whether the folder has the file as it was written."""
        path = folder / self.file(kind)
        return path.is_file() and sha256(path) == self.digest(kind)


@dataclass(frozen=True)
class Contents:
    """What ``pack.json`` says.

    Attributes:
        version: of the format, ``VERSION``.
        snapshot: SHA-256 of the snapshot's films.
        films: how many the finished pack holds.
        preprocessing: how they were brought to network pixels.
        shards: in the order of their films.
    """

    version: int
    snapshot: str
    films: int
    preprocessing: Annotated[Preprocessing, BeforeValidator(Preprocessing.from_record)]
    shards: tuple[Shard, ...] = ()


class Pack:
    """A pack that was written, for reading. It can be pickled; each process maps the files itself.

    Args:
        folder: as ``write_pack`` returns it.

    Raises:
        SnapshotError: the pack is missing, damaged, or of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = _read_contents(folder)
        self.spec, self.snapshot, self.shards = about.preprocessing, about.snapshot, about.shards
        self._firsts = np.array([shard.first for shard in self.shards], np.int64)
        self._count = about.films
        self._maps: dict[tuple[str, int], NDArray[np.uint8]] = {}
        self._places: dict[str, tuple[int, str]] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image and mask bits of one film, uint8 (S, S) each, views of the mapped files."""
        if not 0 <= index < len(self):
            raise IndexError(f"expected a film from 0 to {len(self) - 1}, got {index}")
        shard = int(np.searchsorted(self._firsts, index, "right")) - 1
        local = index - int(self._firsts[shard])
        return self._map("images", shard)[local], self._map("masks", shard)[local]

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_maps": {}, "_places": None}

    def find(self, rows: Sequence[Film]) -> NDArray[np.int64]:
        """Where films of a snapshot lie in the pack.

        Args:
            rows: of the snapshot that was packed, or of one made from it.

        Returns:
            int64 (N,), -1 for a film that is not in the pack as the row describes it.
        """
        if self._places is None:
            path, module = self.folder / "films.parquet", polars()
            try:
                films = module.read_parquet(path).select("film_id", "fingerprint").rows()
            except (OSError, module.exceptions.PolarsError) as error:
                raise SnapshotError(f"{path}: damaged or missing; pack again") from error
            # A pack may be of a snapshot that calls a source by its former name.
            self._places = {
                current_film_id(name): (place, mark) for place, (name, mark) in enumerate(films)
            }
        found = np.full(len(rows), -1, np.int64)
        for index, row in enumerate(rows):
            place, mark = self._places.get(row["film_id"], (-1, ""))
            if mark == fingerprint(row):
                found[index] = place
        return found

    def copy(
        self, places: NDArray[np.int64], images: NDArray[np.uint8], masks: NDArray[np.uint8]
    ) -> None:
        """Copy films into arrays.

        Args:
            places: int64 (N,), as ``find`` returns them; those of -1 are left as they are.
            images: uint8 (N, S, S), gets the films.
            masks: uint8 (N, S, S), gets their mask bits.
        """
        home = np.searchsorted(self._firsts, places, "right") - 1
        for shard in np.unique(home[places >= 0]):
            (wanted,) = np.nonzero((home == shard) & (places >= 0))
            local = places[wanted] - self._firsts[shard]
            for kind, out in zip(KINDS, (images, masks), strict=True):
                source = self._map(kind, int(shard))
                for to, place in zip(wanted, local, strict=True):
                    out[to] = source[place]

    def verify(self) -> None:
        """Compare every shard with its checksum.

        Raises:
            SnapshotError: a file is missing or not as it was written.
        """
        for shard in self.shards:
            for kind in KINDS:
                if not shard.is_whole(self.folder, kind):
                    raise SnapshotError(
                        f"{self.folder / shard.file(kind)}: missing, or not as it was written; "
                        f"delete {self.folder} and pack again"
                    )

    def _map(self, kind: Kind, shard: int) -> NDArray[np.uint8]:
        found = self._maps.get((kind, shard))
        if found is None:
            path, films = self.folder / self.shards[shard].file(kind), self.shards[shard].films
            try:
                found = np.asarray(np.load(path, mmap_mode="r"))
            except (OSError, ValueError) as error:
                raise SnapshotError(f"{path}: damaged or missing; pack again") from error
            if found.shape != (films, self.spec.size, self.spec.size) or found.dtype != np.uint8:
                raise SnapshotError(f"{path}: expected {films} films; pack again")
            self._maps[kind, shard] = found
        return found


def find_pack(snapshot: Path, spec: Preprocessing) -> Pack | None:
    """The pack of a snapshot, or of the one it was made from; None if none has this preprocessing.

    Raises:
        SnapshotError: the snapshot or its pack is missing or damaged.
    """
    about = read_about(snapshot)
    for folder in (snapshot, *([Path(about["made_from"])] if about.get("made_from") else [])):
        pack = folder / pack_name(spec)
        if (pack / "pack.json").is_file() and (found := Pack(pack)).spec == spec:
            return found
    return None


def pack_name(spec: Preprocessing) -> str:
    """Name of a pack's folder in its snapshot: its side in network pixels, and what was cut."""
    return "-".join(["pack", str(spec.size), *([spec.crop] if spec.crop else [])])


def fingerprint(row: Film) -> str:
    """What a packed film was made from: changes with its pixels' checksum and its masks' paths."""
    made_from = (row["bytes_hash"], row["pixel_hash"], row["path"], mask_paths(row))
    return hashlib.blake2b(repr(made_from).encode(), digest_size=12).hexdigest()


def write_pack(
    snapshot: Path,
    size: int,
    workers: int | None = None,
    progress: Progress | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Path:
    """Decode all films of a snapshot once, into its folder; a pack that is there stays.

    One that was stopped goes on after its last whole shard. The folder gets its name when all is
    in it.

    Args:
        snapshot: the folder.
        size: side of the network's square, network pixels, 64 or more.
        workers: processes that decode; one a processor where None.
        progress: called with films done and films in all.
        shard_bytes: most bytes of a shard's images; a shard holds one film at least.

    Returns:
        Folder of the pack.

    Raises:
        UsageError: the size is too small, or no worker is asked for.
        SnapshotError: the snapshot is damaged, a film or mask cannot be read, the folder is there
            with other preprocessing, or another process is packing.
    """
    workers = os.cpu_count() or 1 if workers is None else workers
    if size < 64 or workers < 1:
        raise UsageError(f"expected a size of 64 or more and workers, got {size} and {workers}")
    spec = Preprocessing(size=size)
    out = snapshot / pack_name(spec)
    about = read_about(snapshot)
    lock = snapshot / f".{out.name}.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(lock))
        except Busy as error:
            raise SnapshotError(f"{out}: another process is packing it; wait for it") from error
        if out.exists():
            there = Pack(out)
            if there.spec != spec or there.snapshot != about["sha256"]:
                raise SnapshotError(f"{out}: is of other preprocessing or films; delete it first")
            lock.unlink(missing_ok=True)
            return out
        part = snapshot / f".{out.name}.part"
        _write_shards(snapshot, part, spec, workers, progress, max(1, shard_bytes // size**2))
        for path in part.iterdir():
            path.chmod(0o444)
        part.rename(out)
        lock.unlink(missing_ok=True)
    return out


def _write_shards(
    snapshot: Path,
    part: Path,
    spec: Preprocessing,
    workers: int,
    progress: Progress | None,
    per_shard: int,
) -> None:
    """Write the shards that ``part`` lacks, then what describes them."""
    frame, roots = read_snapshot(snapshot)
    about = Contents(VERSION, str(read_about(snapshot)["sha256"]), len(frame), spec)
    part.mkdir(exist_ok=True)
    shards = _finished(part, about, per_shard)
    frame = frame.select("film_id", "source", "path", "bytes_hash", "pixel_hash", *NEEDED)
    done = sum(shard.films for shard in shards)
    if progress and done:
        progress(done, len(frame))
    for first in range(done, len(frame), per_shard):
        rows = film_rows(frame.slice(first, per_shard))
        jobs = [_job(place, row, roots) for place, row in enumerate(rows)]
        paths = [part / f"{kind}-{first // per_shard:03d}.npy" for kind in KINDS]
        for path in paths:
            shape = (len(rows), spec.size, spec.size)
            np.lib.format.open_memmap(path, "w+", np.uint8, shape).flush()
        tasks = [(jobs[i : i + _BATCH], paths, spec) for i in range(0, len(jobs), _BATCH)]
        for count in spread(_fill, tasks, workers):
            done += count
            if progress:
                progress(done, len(frame))
        images, masks = (path.name for path in paths)
        sums = [_sealed(path) for path in paths]
        shards.append(Shard(first, len(rows), images, masks, *sums))
        write_json(part / "pack.json", asdict(replace(about, shards=tuple(shards))))
    # By shards: the rows of millions of films as dictionaries would not fit the memory.
    marks = [
        fingerprint(row)
        for first in range(0, len(frame), per_shard)
        for row in film_rows(frame.slice(first, per_shard))
    ]
    index = polars().DataFrame({"film_id": frame["film_id"], "fingerprint": marks})
    write_frame(index, part / "films.parquet")


def _finished(part: Path, about: Contents, per_shard: int) -> list[Shard]:
    """Shards of a stopped run that are whole; none where it packed something else."""
    try:
        found = _read_contents(part)
    except SnapshotError:
        return []
    if replace(found, shards=()) != about:
        return []
    whole: list[Shard] = []
    for shard in found.shards:
        expected = min(per_shard, about.films - shard.first)
        if shard.films != expected or not all(shard.is_whole(part, kind) for kind in KINDS):
            break
        whole.append(shard)
    return whole


def _job(place: int, row: Film, roots: dict[str, str]) -> Job:
    """Paths of a film; a mask that is unknown or known to be empty is None."""
    try:
        film = locate(roots, row, row["path"])
        masks = tuple(locate(roots, row, path) if path else None for path in mask_paths(row))
    except KeyError as error:
        raise SnapshotError(f"film {row['film_id']}: its source has no folder") from error
    return place, row["film_id"], film, masks


def _fill(task: tuple[list[Job], list[Path], Preprocessing]) -> int:
    """Decode films into a shard's files; in a process of its own."""
    jobs, paths, spec = task
    images, masks = (np.load(path, mmap_mode="r+") for path in paths)
    for place, film_id, film, mask in jobs:
        images[place], masks[place] = decode_film(film_id, film, mask, spec)
    return len(jobs)


def _sealed(path: Path) -> str:
    """Bring a file to the disk; its SHA-256."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return sha256(path)


def _read_contents(folder: Path) -> Contents:
    path = folder / "pack.json"
    try:
        values = read_json_object(path)
    except (OSError, ValueError) as error:
        raise SnapshotError(f"{path}: damaged or missing; pack again") from error
    # Said before anything else is looked at: another version may hold other fields.
    if values.get("version", VERSION) != VERSION:
        raise SnapshotError(f"{folder}: expected a pack of version {VERSION}; pack again")
    try:
        return TypeAdapter(Contents).validate_python(values)
    except (TypeError, ValueError) as error:
        raise SnapshotError(f"{folder}: damaged; delete it and pack again") from error
