"""A server of ``infmap serve`` from Python: films in, results out, over HTTP."""

from infmap.client.client import Client
from infmap.client.films import Film, FilmEvent
from infmap.client.job import Job

__all__ = ["Client", "Film", "FilmEvent", "Job"]
