"""The pages' own files, served from the package."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).parent / "static"
"""Modules that all pages share."""

# Asked for again every time, and answered 304 by the ETag: after an update no browser mixes the
# modules of two versions.
FRESH = {"Cache-Control": "no-cache"}

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
"""Suffixes that are served. Their types stand here, for a machine's own table may be wrong, and
browsers run no module that is not JavaScript."""


class PageFiles(StaticFiles):
    """The files of one folder of the package.

    Args:
        folder: holds them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, or 404."""
        kind = TYPES.get(Path(path).suffix)
        if kind is None:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers.update(FRESH)
        if response.status_code == 200:
            text = kind.startswith("text/") or kind == "application/json"
            response.headers["Content-Type"] = f"{kind}; charset=utf-8" if text else kind
        return response


def page(path: Path) -> FileResponse:
    """One HTML page of the package."""
    return FileResponse(path, media_type="text/html", headers=FRESH)
