import hashlib
import json
import threading

import pytest

from infmap.core import files


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old\r\n")
    with pytest.raises(RuntimeError), files.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_bytes() == b"old\r\n" and list(tmp_path.iterdir()) == [path]
    files.write_text(path, "new", durable=True)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_two_threads_that_write_one_file_do_not_share_a_temporary_one(tmp_path):
    path, both, parts = tmp_path / "a", threading.Barrier(2), []

    def write(text):
        with files.replacing(path) as part:
            part.write_text(text)
            both.wait()  # both temporary files are there now
            parts.append(part)

    threads = [threading.Thread(target=write, args=(text,)) for text in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert parts[0] != parts[1] and path.read_text() in "xy"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_an_empty_ones_place_or_is_removed(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with files.replacing_folder(out) as part:
        (part / "a").touch()
    assert [path.name for path in out.iterdir()] == ["a"]
    with pytest.raises(OSError), files.replacing_folder(out) as part:
        (part / "b").touch()
    assert [path.name for path in out.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [out]


def test_json_has_no_nan(tmp_path):
    path = tmp_path / "a.json"
    value = {"a": [float("nan"), 1.5, float("-inf")], "b": (1, None), "c": "nan"}
    with pytest.raises(ValueError):
        files.write_json(path, value)
    assert not path.exists()
    files.write_json(path, files.finite(value))
    assert json.loads(path.read_text()) == {"a": [None, 1.5, None], "b": [1, None], "c": "nan"}


def test_the_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"film" * 99999)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"film" * 99999).hexdigest()


def test_json_is_read_as_it_was_written(tmp_path):
    path, value = tmp_path / "a.json", {"a": [1, 2.5, None], "b": {"c": "ü", "d": True}}
    files.write_json(path, value)
    assert files.read_json(path) == files.read_json_object(path) == value
    assert files.parse_json("[1]") == [1]


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff"])
def test_what_is_no_json_object_is_a_value_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected a JSON object, got list|Expecting|codec"):
        files.read_json_object(path)
