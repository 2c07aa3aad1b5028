"""What holds for every format: line ends, marks, gzip, bad bytes, options."""

import gzip

import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.ontologies.formats import OPTIONS, READERS, read_ontology

FORMATS = [name for name in READERS if name != "meddra"]  # a folder, see test_meddra
LINES = [name for name in FORMATS if name not in ("mesh", "owl", "obo")]  # XML says its encoding, OBO may be Latin-1
WAYS = ["medic", "csv", "obo", "obograph", "mesh"]  # line by line, rows with quotes, whole files, XML


@pytest.fixture(params=FORMATS)
def format_name(request):
    return request.param


def test_every_sample_holds_two_concepts(read, format_name):
    concepts, counts = read(format_name)
    assert len([concept for concept in concepts if not concept.obsolete]) == 2
    assert not counts.skipped


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(read, sample, format_name):
    text = sample(format_name).replace("\n", "\r\n")
    assert read(format_name, b"\xef\xbb\xbf" + text.encode())[0] == read(format_name)[0]


def test_gzip_is_read_as_it_is(read, sample, samples, format_name):
    packed = gzip.compress(sample(format_name).encode())
    name = f"{samples[format_name][0]}.gz"
    concepts, _ = read(format_name, packed, name=name)
    assert [concept.ids for concept in concepts] == [concept.ids for concept in read(format_name)[0]]


@pytest.mark.parametrize("format_name", WAYS)
def test_gzip_that_was_cut_off_is_named(read, sample, format_name):
    packed = gzip.compress(sample(format_name).encode())
    with pytest.raises(InputError, match=r"file\.gz: is damaged, or no gzip file"):
        read(format_name, packed[: len(packed) // 2], name="file.gz", skip_errors=True)


@pytest.mark.parametrize("format_name", WAYS)
def test_a_file_that_is_no_gzip_is_named(read, sample, format_name):
    with pytest.raises(InputError, match=r"file\.gz: is damaged, or no gzip file"):
        read(format_name, sample(format_name), name="file.gz")


@pytest.mark.parametrize("format_name", LINES)
def test_a_byte_that_is_no_utf8_is_named_with_its_line(read, sample, format_name):
    good = sample(format_name).encode()
    number = good.count(b"\n")
    bad = good.removesuffix(b"\n") + b"\xe9\n"
    with pytest.raises(InputError, match=rf":{number}: not UTF-8 \(byte 0xe9\)"):
        read(format_name, bad)


def test_a_line_that_is_no_utf8_can_be_skipped(read):
    concepts, counts = read("medic", b"D1||caf\xe9\nD2||b\n", skip_errors=True)
    assert [concept.ids for concept in concepts] == [("D2",)]
    assert counts.skipped == {"not UTF-8": 1}


def test_a_line_of_obo_that_is_no_utf8_is_read_as_latin_1(read, sample):
    good = sample("obo").replace("Unusual walk", "Gang Ataxie\u0301 sp\u00e9ciale")
    bad = good.encode().replace("\u00e9".encode(), b"\xe9")
    assert bad != good.encode()
    concepts, counts = read("obo", bad)
    assert concepts == read("obo", good)[0]  # also the letters that are UTF-8 in this line
    assert counts.noted["line that is not UTF-8: read as Latin-1"] == 1


def test_several_files_are_read_one_after_the_other(tmp_path):
    for name in "ba":
        (tmp_path / name).write_text(f"{name}||name {name}\n")
    concepts = read_ontology("medic", [tmp_path / "b", tmp_path / "a"], options={}, counts=ReadCounts())
    assert [concept.ids for concept in concepts] == [("b",), ("a",)]


def test_a_missing_file_and_a_strange_option_are_named_at_once(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        read_ontology("medic", [tmp_path / "nowhere"], options={}, counts=ReadCounts())
    with pytest.raises(InputError, match="--taxon is not an option of the format 'medic'"):
        read_ontology("medic", [tmp_path], options={"taxon": "9606"}, counts=ReadCounts())


def test_the_options_are_those_of_the_readers():
    assert {"sources", "taxon", "scopes", "id_column", "keep_suppressed"} < OPTIONS
    assert "delimiter" not in OPTIONS  # the name of the format says it


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name not in ("umls", "snomed")])
def test_a_folder_in_place_of_a_file_is_named(tmp_path, read_path, samples, format_name):
    with pytest.raises(InputError, match="cannot be read"):
        read_path(format_name, tmp_path, **samples[format_name][2])
