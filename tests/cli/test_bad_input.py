"""Bad input to train.py and eval.py: exit code 2, one line on stderr that names the file, nothing written."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from biosyn.cli.main import main

GOOD_LINE = "1||0|6||Disease||ataxia||D1\n"


@pytest.fixture(params=["train", "eval"])
def verb(request):
    return request.param


@pytest.fixture
def run(verb, tiny_encoder, tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path, capsys):
    """Function: what differs from a good command line -> exit code and the lines of stderr."""

    def call(*flags, dictionary=tiny_dictionary, queries=tiny_queries, model=None, output=None, topk=2):
        output = output or tmp_path / "out"
        argv = ["--topk", topk, "--output_dir", output, *(flags or ["--device", "cpu"])]
        if verb == "train":
            argv += ["--model_name_or_path", model or tiny_encoder, "--epoch", 1]
            argv += ["--train_dictionary_path", dictionary, "--train_dir", queries]
            code = main(["train", *map(str, argv)])
        else:
            argv += ["--model_name_or_path", model or tiny_checkpoint, "--save_predictions"]
            argv += ["--dictionary_path", dictionary, "--data_dir", queries]
            code = main(["eval", *map(str, argv)])
        captured = capsys.readouterr()
        assert bool(captured.out) == (code == 0)
        return code, captured.err.splitlines()

    return call


@pytest.fixture
def refused(run, verb, tmp_path):
    """Function: as `run`, and the refusal is checked in full; return the line."""

    def call(*flags, **changes):
        code, lines = run(*flags, **changes)
        assert code == 2
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"{verb}.py: error: ")
        assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
        return lines[0]

    return call


@pytest.fixture
def concept_file(tmp_path):
    """Function: bytes -> folder that holds them as 1.concept."""

    def write(content):
        folder = tmp_path / "bad_queries"
        folder.mkdir()
        (folder / "1.concept").write_bytes(content)
        return folder

    return write


@pytest.fixture
def dictionary_file(tmp_path):
    """Function: bytes -> dictionary file."""

    def write(content):
        (tmp_path / "bad_dictionary.txt").write_bytes(content)
        return tmp_path / "bad_dictionary.txt"

    return write


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"D1||ataxia\nD2|asthma\n", "bad_dictionary.txt:2: "),
        (b"D1||ataxia\nD2||\n", "bad_dictionary.txt:2: "),
        ("D1||ataxia\nD2||sjögren\n".encode("latin-1"), "bad_dictionary.txt:2: "),
        ("D1||ataxia\n".encode("utf-16"), "bad_dictionary.txt:1: "),
        (b"", "bad_dictionary.txt: "),
        (b"\n\n", "bad_dictionary.txt: "),
        (b"D1||ataxia\n", "bad_dictionary.txt: --topk 2 "),
    ],
    ids=["no bars", "no name", "latin-1", "utf-16", "empty", "blank", "fewer names than topk"],
)
def test_a_bad_dictionary(refused, dictionary_file, content, where):
    assert where in refused(dictionary=dictionary_file(content))


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (f"{GOOD_LINE}1|0|6|Disease|ataxia|D1\n".encode(), "1.concept:2: "),
        (f"{GOOD_LINE}1||0|6||Disease||ataxia||\n".encode(), "1.concept:2: "),
        (f"{GOOD_LINE}1||0|6||Disease||sjögren||D1\n".encode("latin-1"), "1.concept:2: "),
        (b"", "bad_queries: "),
    ],
    ids=["no bars", "no id", "latin-1", "empty"],
)
def test_bad_queries(refused, concept_file, content, where):
    assert where in refused(queries=concept_file(content))


def test_a_missing_dictionary(refused, tmp_path):
    assert "missing.txt: " in refused(dictionary=tmp_path / "missing.txt")


def test_a_folder_in_place_of_a_dictionary(refused, tmp_path):
    assert f"{tmp_path}: " in refused(dictionary=tmp_path)


def test_a_missing_folder_of_queries(refused, tmp_path):
    assert "missing: no such folder" in refused(queries=tmp_path / "missing")


def test_a_file_in_place_of_a_folder_of_queries(refused, tiny_dictionary):
    assert "train_dictionary.txt: is not a folder" in refused(queries=tiny_dictionary)


def test_an_empty_folder_of_queries(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: holds no .concept file" in refused(queries=tmp_path / "empty")


def test_a_folder_without_concept_files(refused, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("Title.\n")
    assert "texts: holds no .concept file" in refused(queries=tmp_path / "texts")


def test_topk_larger_than_the_dictionary(refused):
    assert "train_dictionary.txt: --topk 1000 is larger than the dictionary (40 names)" in refused(topk=1000)


def test_an_output_folder_that_cannot_be_written(refused, tmp_path):
    # as root no permission is refused, but nobody can make a folder below a regular file
    (tmp_path / "file").touch()
    assert "file/out: cannot be written" in refused(output=tmp_path / "file" / "out")


def test_a_missing_model(refused):
    assert "no_such_folder/model" in refused(model="no_such_folder/model")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_folder_that_lacks_a_file(refused, tiny_checkpoint, tmp_path, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / name).unlink()
    line = refused(model=folder)
    assert str(folder) in line
    assert name in line


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_folder_with_a_file_cut_short(refused, tiny_checkpoint, tmp_path, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert str(folder) in refused(model=folder)


def test_a_model_whose_weights_lack_a_layer(refused, tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert str(folder) in refused(model=folder)


@pytest.mark.parametrize("verb", ["eval"], indirect=True)
@pytest.mark.parametrize("name", ["biosyn.json", "sparse_encoder.json"])
def test_a_checkpoint_that_lacks_a_file_of_ours(refused, tiny_checkpoint, tmp_path, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / name).unlink()
    assert f"{folder}: the model folder lacks {name}" in refused(model=folder)


@pytest.mark.parametrize("verb", ["eval"], indirect=True)
def test_an_encoder_that_is_no_checkpoint(refused, tiny_encoder):
    assert "is an encoder alone" in refused(model=tiny_encoder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("flags", [["--use_cuda"], ["--device", "cuda"], ["--device", "cuda:1"]])
def test_cuda_where_there_is_none(refused, flags):
    assert "run with --device cpu" in refused(*flags)


def test_a_text_longer_than_the_encoders_positions(refused):
    assert "--max_length" in refused("--device", "cpu", "--max_length", "100")


@pytest.mark.parametrize("verb", ["train"], indirect=True)
def test_queries_of_which_the_filters_leave_none(refused, concept_file):
    folder = concept_file(b"1||0|3||Disease||a|b||D1|D2\n1||0|1||Disease||a||-1\n")
    assert "bad_queries: no query is left" in refused(queries=folder)


@pytest.mark.parametrize("verb", ["train"], indirect=True)
def test_a_bad_dev_dictionary(refused, tiny_queries, dictionary_file):
    path = dictionary_file(b"D1|ataxia\n")
    line = refused("--device", "cpu", "--dev_dir", tiny_queries, "--dev_dictionary_path", path)
    assert "bad_dictionary.txt:1: " in line


def test_a_byte_order_mark_and_windows_line_ends_are_no_error(run, dictionary_file, concept_file):
    dictionary = dictionary_file("D1||ataxia\r\nD2||sjögren\r\n".encode("utf-8-sig"))
    queries = concept_file(GOOD_LINE.replace("\n", "\r\n").encode("utf-8-sig"))
    code, _ = run(dictionary=dictionary, queries=queries)
    assert code == 0
