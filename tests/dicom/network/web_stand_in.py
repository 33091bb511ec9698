"""A DICOMweb server that says what a test wants it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType


class DicomJson(BaseHTTPRequestHandler):
    """Answers in DICOM JSON, and logs nothing."""

    def say(
        self, status: int, answer: object, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Send an answer; an empty body for None."""
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/dicom+json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """An HTTP server; its URL."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def stow_item(uid: str, reason: int | None = None) -> dict[str, object]:
    """What an answer to STOW-RS says of an object: stored, or the reason why not."""
    failure = {} if reason is None else {"00081197": {"vr": "US", "Value": [reason]}}
    return {"00081155": {"vr": "UI", "Value": [uid]}, **failure}
