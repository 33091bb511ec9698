from __future__ import annotations

from infmap.deidentify.options import Options


def test_basic_profile_alone() -> None:
    assert Options().codes == [("113100", "Basic Application Confidentiality Profile")]
    assert Options().columns == frozenset()


def test_each_option_is_stated_and_asked_of_the_table() -> None:
    every = Options(dates=True, patient=True, device=True, descriptors=True, pixels=True)
    codes = [code for code, _ in every.codes]
    assert codes == ["113100", "113101", "113105", "113107", "113108", "113109"]
    assert every.columns == {"dates", "patient", "device", "descriptors"}


def test_meanings_are_those_of_context_group_7050() -> None:
    from pydicom.sr.codedict import codes

    every = Options(dates=True, patient=True, device=True, descriptors=True, pixels=True)
    group = {
        code.value: code.meaning for code in map(codes.cid7050.__getattr__, codes.cid7050.dir())
    }
    assert dict(every.codes).items() <= group.items()
