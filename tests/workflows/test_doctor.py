"""Tests of `infmap.workflows.doctor`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def test_doctor_names_a_decoder_that_does_not_work(monkeypatch):
    from infmap.workflows import doctor

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("imagecodecs.jpegls_encode", broken)
    check = doctor.decoders()
    assert check.status == "bad" and "JPEG-LS (RuntimeError)" in check.detail
    assert "JPEG 2000" not in check.detail
