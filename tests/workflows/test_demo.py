from infmap.dicom import read_radiograph
from infmap.phantom import sample_films
from infmap.workflows.demo import write_samples


def test_the_samples_are_pictures_and_one_dicom_film(tmp_path):
    paths = write_samples(tmp_path / "films")
    assert [path.stem for path in paths] == [name for name, _ in sample_films()]
    assert {path.suffix for path in paths} == {".png", ".dcm"}
    assert paths[-1].suffix == ".dcm" and read_radiograph(paths[-1]).pixels.max() > 0
