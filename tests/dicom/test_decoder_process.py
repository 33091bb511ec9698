"""Tests of `infmap.dicom.decoder_process`."""

from __future__ import annotations

import io

from infmap.dicom.decoder_process import receive, seconds_for, send


def test_messages_of_any_size_go_both_ways() -> None:
    stream = io.BytesIO()
    body = bytes(range(256)) * 1000
    send(stream, {"a": "ä"}, body)
    send(stream, {}, None)
    stream.seek(0)
    assert receive(stream) == ({"a": "ä", "size": 256_000}, bytearray(body))
    assert receive(stream) == ({"size": 0}, bytearray())
    assert receive(stream) is None
    assert receive(io.BytesIO(stream.getvalue()[:50])) is None


def test_limits_grow_with_the_film() -> None:
    assert 4.0 <= seconds_for(90_000) < 5.0 < seconds_for(10_000_000)
