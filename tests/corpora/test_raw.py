import pytest

from biosyn.corpora.raw import raw_file, raw_files
from biosyn.errors import InputError


def test_a_file_is_found_as_it_is_or_packed(write, tmp_path):
    plain, packed = write("a.txt", ""), write("b.txt.gz", "")
    write("a.txt.gz", "")
    assert raw_files(tmp_path, {"train": "a.txt", "dev": "b.txt"}) == {"train": plain, "dev": packed}


def test_a_missing_file_is_left_to_the_reader_to_name(tmp_path):
    assert raw_files(tmp_path, {"train": "a.txt"}) == {"train": tmp_path / "a.txt"}


def test_the_first_of_several_names_counts(write, tmp_path):
    first, _ = write("full/data/x.txt", ""), write("x.txt", "")
    assert raw_file(tmp_path, ["full/data/x.txt", "x.txt"]) == first


def test_none_of_several_names_or_no_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"holds no a/x\.txt or x\.txt \(nor the same with \.gz\): check --raw_dir"):
        raw_file(tmp_path, ["a/x.txt", "x.txt"])
    with pytest.raises(InputError, match="no such folder"):
        raw_file(tmp_path / "missing", ["x.txt"])
