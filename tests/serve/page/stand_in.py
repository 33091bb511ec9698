"""A server that answers as the HTTP interface says, from real predictions, and fails on demand.

What the page does when a server is slow, goes away or wants a key is tested on it; so are films
over time, for it knows a patient by the film's name: ``ann@-7.png`` is Ann's, seven days before;
``ann@-7.AP.png`` states its view as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import socket
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

import infmap
from infmap.api import model_folder
from infmap.core.errors import FilmError, RejectedFilm
from infmap.core.types import Prediction, Radiograph
from infmap.core.zones import brixia_zones
from infmap.dicom import read_radiograph
from infmap.inference import read_manifest
from infmap.report.overlay import overlay
from infmap.web.film_encoding import encode_film, encode_preview, grey_levels
from infmap.web.headers import SecurityHeaders
from infmap.web.sessions import TrustedProxies
from infmap.web.static import WEB, PageFiles, page

VIEWER = WEB.parents[1] / "serve/static"
MODELS = {"steady": None, "keen": 0.3}
"""Names of models to their infection threshold; None for the shipped one."""
BITS = 12
PATIENT = re.compile(r"(?:.*/)?(\w+)@(-?\d+)\.(?:(AP|PA)\.)?")
KEY = "a key of the tests"
Json = dict[str, object]


@cache
def loaded(model: str) -> infmap.Model:
    """The shipped model at a threshold."""
    return infmap.load(threshold=MODELS[model])


@cache
def read(data: bytes, model: str) -> tuple[Radiograph | None, Prediction | FilmError]:
    """What the shipped model says of a file."""
    try:
        film = read_radiograph(data, name="film")
    except FilmError as error:
        return None, error
    try:
        return film, loaded(model).predict(film)
    except RejectedFilm as error:
        return film, error


@dataclass
class Job:
    """A job, its items by position and its events."""

    id: str
    models: list[str]
    items: list[Json] = field(default_factory=list)
    events: list[tuple[str, Json]] = field(default_factory=list)

    @property
    def state(self) -> str:
        under_way = any(item["state"] in ("waiting", "queued", "leased") for item in self.items)
        return "open" if under_way else "done"

    def answer(self) -> Json:
        states = [item["state"] for item in self.items]
        counts = {state: states.count(state) for state in set(states)}
        name = self.items[0]["name"] if self.items else None
        answer = {"id": self.id, "name": name, "state": self.state, "created": 1_700_000_000_000}
        return {**answer, "counts": counts}


@dataclass
class StandIn:
    """The state of the server; tests change it while a page looks at it.

    Attributes:
        locked: a key is needed.
        paused: films are taken and not read.
        cut: streams of events end at once, as when a line breaks.
        refused: calls of an upload that are answered 503 before one is taken.
        hosts: every Host that was asked for.
    """

    locked: bool = False
    paused: bool = False
    cut: bool = False
    refused: int = 0
    signed_in: bool = False
    connects: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    url: str = ""

    def film_id(self, sha: str, model: str) -> str:
        return hashlib.sha256(f"{sha} {model}".encode()).hexdigest()[:22]

    def work(self, job: Job) -> None:
        """Read what is queued."""
        for item in job.items:
            if self.paused or item["state"] != "queued":
                continue
            sha, model = str(item["sha256"]), str(item["model"])
            film, result = read(self.files[sha], model)
            item["state"] = "done"
            if isinstance(result, Prediction):
                item["status"] = "ok"
            else:
                item["status"] = "rejected" if film else "failed"
                item |= {"state": "failed", "reason": result.reason}
            item["film"] = self.film_id(sha, model)
            self.names[str(item["film"])] = (str(item["name"]), sha, model)
            job.events.append(("item", item))
        if job.state == "done" and job.events and job.events[-1][0] != "done":
            job.events.append(("done", {"counts": job.answer()["counts"]}))

    # What follows are the endpoints.

    async def me(self, request: Request) -> Response:
        return JSONResponse(
            {"local": not self.locked, "name": "ann" if self.locked else None, "csrf": "t"}
        )

    async def session(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.signed_in = False
            return Response(status_code=204)
        if (await request.json())["key"] != KEY:
            return JSONResponse({"error": "there is no such key, or it is disabled"}, 401)
        self.signed_in = True
        return await self.me(request)

    async def models(self, request: Request) -> Response:
        rates = {"value": 0.95, "low": 0.93, "high": 0.97, "films": 864}
        point = {
            "aim": "",
            "sensitivity": rates,
            "specificity": rates | {"value": 0.6, "low": 0.55, "high": 0.65},
        }
        points = {
            "rule_out": point | {"threshold": 0.2}, "rule_in": point | {"threshold": 0.9},
            "population": "864 phantom films",
        }  # fmt: skip
        error = {
            "bias": 0.012, "low": 0.008, "high": 0.016, "lower": -0.094, "upper": 0.112,
            "within": 0.95, "films": 864,
        }  # fmt: skip
        low = error | {"bias": -0.034, "low": -0.071, "high": 0.0002, "films": 40}
        errors = {
            "infection": {"all_films": error, "positive": low},
            "opacity": {
                "all_films": error | {"bias": -0.0003, "low": -0.02, "films": 77},
                "positive": None,
            },
            "population": "864 phantom films",
        }
        return JSONResponse([
            {
                "name": name, "version": "1", "label": name, "threshold": thresholds(name),
                "operating_points": points if name == "steady" else None, "default": not k,
                "training": {"sources": ["phantom"], "films": 12},
                "severity": {
                    "population": "54 phantom films", "coverage": 0.92, "alpha": 0.1,
                    "films": 54, "healthy": 9,
                },
                "areas": {
                    "films": 77 if name == "steady" else None,
                    "dice": 0.61 if name == "steady" else None,
                    "empty_called": 0.08 if name == "steady" else None,
                    "errors": errors if name == "steady" else None,
                },
            }
            for k, name in enumerate(MODELS)
        ])  # fmt: skip

    async def every_job(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse([job.answer() for job in reversed(self.jobs.values())])
        asked = await request.json()
        job = self.jobs.setdefault(asked["id"], Job(asked["id"], asked.get("models") or ["steady"]))
        if not job.items:
            for film in asked["films"]:
                self.add(job, film["name"], film["sha256"])
        self.work(job)
        wanted = {str(item["sha256"]) for item in job.items if item["state"] == "waiting"}
        return JSONResponse({"id": job.id, "wanted": sorted(wanted)}, 201)

    def add(self, job: Job, name: str, sha: str) -> None:
        for model in job.models:
            state = "queued" if sha in self.files else "waiting"
            job.items.append({
                "position": len(job.items), "name": name, "sha256": sha, "model": model,
                "state": state, "film": None, "status": None, "reason": None,
            })  # fmt: skip

    async def job(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["job"])
        if job is None:
            return JSONResponse({"error": "there is no such job"}, 404)
        if request.method == "DELETE":
            for item in job.items:
                if item["state"] in ("waiting", "queued"):
                    item["state"] = "cancelled"
            return Response(status_code=204)
        return JSONResponse(job.answer() | {"items": job.items})

    async def send(self, request: Request) -> Response:
        job, sha = self.jobs[request.path_params["job"]], request.path_params["sha"]
        if self.refused:
            self.refused -= 1
            return JSONResponse({"error": "busy"}, 503)
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != sha:
            return JSONResponse({"error": "the checksum differs"}, 400)
        if zipfile.is_zipfile(io.BytesIO(data)):
            job.items = [item for item in job.items if item["sha256"] != sha]
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    member = archive.read(name)
                    digest = hashlib.sha256(member).hexdigest()
                    self.files[digest] = member
                    self.add(job, name, digest)
        else:
            self.files[sha] = data
            for item in job.items:
                if item["sha256"] == sha and item["state"] == "waiting":
                    item["state"] = "queued"
        await asyncio.to_thread(self.work, job)
        return JSONResponse({"items": []})

    async def events(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job"]]
        at = int(request.headers.get("last-event-id", 0))
        self.connects += 1
        if at and job.state == "done" and at >= len(job.events):
            return Response(status_code=204)

        async def stream() -> AsyncIterator[str]:
            seq = at
            yield "retry: 50\n\n"
            while not await request.is_disconnected():
                for kind, data in job.events[seq:]:
                    seq += 1
                    yield f"id: {seq}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
                    if kind == "done":
                        return
                if self.cut:
                    return
                await asyncio.sleep(0.02)

        return StreamingResponse(stream(), media_type="text/event-stream")

    def found(self, request: Request) -> tuple[Radiograph | None, Prediction | FilmError]:
        _, sha, model = self.names[request.path_params["film"]]
        return read(self.files[sha], model)

    async def film(self, request: Request) -> Response:
        film = request.path_params["film"]
        if film not in self.names:
            return JSONResponse({"error": "there is no such film"}, 404)
        name, sha, model = self.names[film]
        radiograph, result = read(self.files[sha], model)
        line: Json = {"id": film}
        if isinstance(result, Prediction):
            line |= {"status": "ok", "sha256": sha} | result.to_dict()
        else:
            line |= {"status": "rejected" if radiograph else "failed", "reason": result.reason}
        size = radiograph.shape if radiograph else (None, None)
        patient = PATIENT.match(name)
        same = [
            one | {"days": int(other[2]) - int(patient[2])}
            for other, one in self.of_patients(model)
            if patient and other[1] == patient[1] and one["film"] != film
        ]
        return JSONResponse({
            "film": film, "name": name, "model": model, "line": line,
            "thresholds": thresholds(model), "width": size[1], "height": size[0],
            "bits": BITS if radiograph else None,
            "window": {"center": 2047.5, "width": 4096.0} if radiograph else None,
            "study_date": None, "view": patient[3] if patient else None,
            "pixel_spacing": [0.6, 0.6], "dicom": sha_is_dicom(self.files[sha]),
            "others": [
                {"film": other, "model": by} for other, (_, of, by) in self.names.items()
                if of == sha and other != film
            ],
            "same_patient": sorted(same, key=lambda one: int(one["days"])),
        })  # fmt: skip

    def of_patients(self, model: str) -> Iterator[tuple[re.Match[str], Json]]:
        """Films of patients that a model has assessed."""
        for film, (name, sha, by) in self.names.items():
            _, result = read(self.files[sha], by)
            patient = PATIENT.match(name)
            if by == model and patient and isinstance(result, Prediction):
                yield patient, {
                    "film": film, "view": patient[3], "infected_fraction": result.infected_fraction,
                    "opacity_fraction": result.opacity_fraction,
                    "score": result.severity.extent_score,
                }  # fmt: skip

    async def made(self, request: Request) -> Response:
        film, result = self.found(request)
        what = request.path_params["what"]
        assert film is not None
        levels = grey_levels(film.pixels, BITS)
        if what == "full":
            return Response(await asyncio.to_thread(encode_film, levels, BITS))
        if what == "preview.jpg":
            return Response(encode_preview(levels, BITS), media_type="image/jpeg")
        if not isinstance(result, Prediction):
            return JSONResponse({"error": "the film was not assessed"}, 404)
        if what == "map":
            layer = getattr(result, request.query_params["layer"])
            return png(np.rint(np.asarray(layer, np.float32) * 255).astype(np.uint8))
        if what == "zones":
            return png(brixia_zones(result.lungs).labels)
        if what == "overlay":
            stream = io.BytesIO()
            overlay(result).save(stream, "PNG")
            return saved(stream.getvalue(), f"{request.path_params['film']}.png", "image/png")
        if what == "json":
            return saved(json.dumps(result.to_dict()).encode(), "film.json", "application/json")
        return JSONResponse({"error": f"{what}: this server makes none"}, 422)

    async def aligned(self, request: Request) -> Response:
        return JSONResponse({"matrix": [[1.0, 0.0, 5.0], [0.0, 1.0, -3.0]]})

    async def home(self, request: Request) -> Response:
        return page(VIEWER / "viewer.html")

    def app(self) -> SecurityHeaders:
        film = "/v1/films/{film}"
        routes = [
            Route("/", self.home),
            Mount("/web", PageFiles(WEB)),
            Mount("/viewer", PageFiles(VIEWER)),
            Route("/v1/me", self.me),
            Route("/v1/session", self.session, methods=["POST", "DELETE"]),
            Route("/v1/models", self.models),
            Route("/v1/jobs", self.every_job, methods=["GET", "POST"]),
            Route("/v1/jobs/{job}", self.job, methods=["GET", "DELETE"]),
            Route("/v1/jobs/{job}/events", self.events),
            Route("/v1/jobs/{job}/films/{sha}", self.send, methods=["PUT"]),
            Route(film, self.film), Route(film + "/aligned/{other}", self.aligned),
            Route(film + "/{what}", self.made),
        ]  # fmt: skip
        inner = Starlette(routes=routes)

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            locked = self.locked and not self.signed_in and scope["type"] == "http"
            if locked and scope["path"].startswith("/v1") and scope["path"] != "/v1/session":
                await JSONResponse({"error": "a key is needed"}, 401)(scope, receive, send)
            else:
                await inner(scope, receive, send)

        return SecurityHeaders(guarded, TrustedProxies())


def thresholds(model: str) -> dict[str, float | None]:
    """Of a model."""
    own = read_manifest(model_folder()).thresholds
    infection = MODELS[model] or own.infection
    return {"infection": infection, "opacity": own.opacity, "film": own.film}


def sha_is_dicom(data: bytes) -> bool:
    """Whether a file is DICOM."""
    return data[128:132] == b"DICM"


def png(plane: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Response:
    """A plane as a picture."""
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, "PNG")
    return Response(stream.getvalue(), media_type="image/png")


def saved(data: bytes, name: str, media: str) -> Response:
    """A file to keep."""
    stated = {"Content-Disposition": f'attachment; filename="infmap-{name}"'}
    return Response(data, media_type=media, headers=stated)


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in at an address of this machine."""
    made = StandIn()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            made.app(), log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        made.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        yield made
        server.should_exit = True
        thread.join()
