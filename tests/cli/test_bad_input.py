"""Bad input to train.py and eval.py: exit code 2, one line on stderr that names the file, nothing written.

Both read the same files by the same functions, so a case is run by one of them, in turn.
"""

import re
import shutil
from itertools import cycle

import pytest
import torch
from safetensors.torch import load_file, save_file

VERBS = ("train", "eval")
GOOD_LINE = "1||0|6||Disease||ataxia||D1\n"


def in_turn(cases):
    """Give the cases train and eval in turn: a parametrization of `verb` and what a case is made of."""
    return [pytest.param(verb, *parts, id=f"{name}-{verb}") for (name, parts), verb in zip(cases.items(), cycle(VERBS))]


@pytest.fixture
def words(tiny_encoder, tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """Function: verb, and what differs from a good command line -> the command line."""

    def make(verb, *flags, dictionary=tiny_dictionary, queries=tiny_queries, model=None, output=None, topk=2):
        flags = flags or ("--device", "cpu")
        data = {"--topk": topk, "--output_dir": output or tmp_path / "out"}
        if verb == "train":
            data |= {"--model_name_or_path": model or tiny_encoder, "--epoch": 1}
            data |= {"--train_dictionary_path": dictionary, "--train_dir": queries}
        else:
            data |= {"--model_name_or_path": model or tiny_checkpoint}
            data |= {"--dictionary_path": dictionary, "--data_dir": queries}
            flags = ("--save_predictions", *flags)
        return [verb, data, *flags]

    return make


@pytest.fixture
def refused(refused, words, tmp_path):
    """Function: as `words` -> the line of the refusal, and nothing is written."""

    def call(verb, *flags, **changes):
        line = refused(*words(verb, *flags, **changes))
        assert line.startswith(f"{verb}.py: error: ")
        assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
        return line

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


DICTIONARIES = {
    "no bars": (b"D1||ataxia\nD2|asthma\n", "bad_dictionary.txt:2: "),
    "no name": (b"D1||ataxia\nD2||\n", "bad_dictionary.txt:2: "),
    "latin-1": ("D1||ataxia\nD2||sjögren\n".encode("latin-1"), "bad_dictionary.txt:2: "),
    "utf-16": ("D1||ataxia\n".encode("utf-16"), "bad_dictionary.txt:1: "),
    "empty": (b"", "bad_dictionary.txt: "),
    "blank": (b"\n\n", "bad_dictionary.txt: "),
    "fewer names than topk": (b"D1||ataxia\n", "bad_dictionary.txt: --topk 2 "),
}
QUERIES = {
    "no bars": (f"{GOOD_LINE}1|0|6|Disease|ataxia|D1\n".encode(), "1.concept:2: "),
    "no id": (f"{GOOD_LINE}1||0|6||Disease||ataxia||\n".encode(), "1.concept:2: "),
    "latin-1": (f"{GOOD_LINE}1||0|6||Disease||sjögren||D1\n".encode("latin-1"), "1.concept:2: "),
    "empty": (b"", "bad_queries: "),
}


@pytest.mark.parametrize(("verb", "content", "where"), in_turn(DICTIONARIES))
def test_a_bad_dictionary(refused, dictionary_file, verb, content, where):
    assert where in refused(verb, dictionary=dictionary_file(content))


@pytest.mark.parametrize(("verb", "content", "where"), in_turn(QUERIES))
def test_bad_queries(refused, concept_file, verb, content, where):
    assert where in refused(verb, queries=concept_file(content))


def test_a_path_that_holds_no_such_thing(refused, tiny_dictionary, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("Title.\n")
    for verb, changes, said in (
        ("train", {"dictionary": tmp_path / "missing.txt"}, "missing.txt: "),
        ("eval", {"dictionary": tmp_path}, f"{tmp_path}: "),
        ("train", {"queries": tmp_path / "missing"}, "missing: no such folder"),
        ("eval", {"queries": tiny_dictionary}, "train_dictionary.txt: is not a folder"),
        ("train", {"queries": tmp_path / "empty"}, "empty: holds no .concept file"),
        ("eval", {"queries": tmp_path / "texts"}, "texts: holds no .concept file"),
        ("train", {"model": "no_such_folder/model"}, "no_such_folder/model"),
        ("eval", {"model": "no_such_folder/model"}, "no_such_folder/model"),
    ):
        assert said in refused(verb, **changes)


@pytest.mark.parametrize("verb", VERBS)
def test_topk_larger_than_the_dictionary(refused, verb):
    assert "train_dictionary.txt: --topk 1000 is larger than the dictionary (40 names)" in refused(verb, topk=1000)


@pytest.mark.parametrize("verb", VERBS)
def test_an_output_folder_that_cannot_be_written(refused, tmp_path, verb):
    # as root no permission is refused, but nobody can make a folder below a regular file
    (tmp_path / "file").touch()
    assert "file/out: cannot be written" in refused(verb, output=tmp_path / "file" / "out")


NAMES = {name: (name,) for name in ("config.json", "model.safetensors", "tokenizer.json")}


@pytest.mark.parametrize(("verb", "name"), in_turn(NAMES))
def test_a_model_folder_that_lacks_a_file(refused, tiny_checkpoint, tmp_path, verb, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / name).unlink()
    line = refused(verb, model=folder)
    assert str(folder) in line
    assert name in line


@pytest.mark.parametrize(("verb", "name"), in_turn(dict(reversed(NAMES.items()))))
def test_a_model_folder_with_a_file_cut_short(refused, tiny_checkpoint, tmp_path, verb, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert str(folder) in refused(verb, model=folder)


@pytest.mark.parametrize("verb", VERBS)
def test_a_model_whose_weights_lack_a_layer(refused, tiny_checkpoint, tmp_path, verb):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert str(folder) in refused(verb, model=folder)


@pytest.mark.parametrize("name", ["biosyn.json", "sparse_encoder.json"])
def test_a_checkpoint_that_lacks_a_file_of_ours(refused, tiny_checkpoint, tmp_path, name):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / name).unlink()
    assert f"{folder}: the model folder lacks {name}" in refused("eval", model=folder)


def test_an_encoder_that_is_no_checkpoint(refused, tiny_encoder):
    assert "is an encoder alone" in refused("eval", model=tiny_encoder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize(
    ("verb", "flags"), [("train", ["--use_cuda"]), ("eval", ["--device", "cuda"]), ("train", ["--device", "cuda:1"])]
)
def test_cuda_where_there_is_none(refused, verb, flags):
    assert "run with --device cpu" in refused(verb, *flags)


@pytest.mark.parametrize("verb", VERBS)
def test_a_text_longer_than_the_encoders_positions(refused, verb):
    assert "--max_length" in refused(verb, "--device", "cpu", "--max_length", "100")


def test_queries_of_which_the_filters_leave_none(refused, concept_file):
    folder = concept_file(b"1||0|3||Disease||a|b||D1|D2\n1||0|1||Disease||a||-1\n")
    assert "bad_queries: no query is left" in refused("train", queries=folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\n".join(f"MESH:D{row}||name {row}" for row in range(9)), "ids such as D001260, .* such as MESH:D0: give"),
        ("\n".join([*(f"C{row}||ataxia {row}" for row in range(9)), "D001249||xyz"]), "raise --topk, or check that"),
    ],
    ids=["no id in common", "no name of its concept among the candidates"],
)
def test_a_training_in_which_no_mention_has_a_positive_candidate(
    command, words, dictionary_file, tmp_path, content, said
):
    dictionary = dictionary_file(content.encode())
    code, found, err = command(*words("train", "--device", "cpu", "--dense_ratio", "0", dictionary=dictionary))
    assert (code, found) == (2, None)
    assert re.search(said, err.splitlines()[-1])
    assert not (tmp_path / "out" / "biosyn.json").exists()


def test_a_trial_run_needs_no_positive_candidate(command, words, dictionary_file):
    # its ten mentions are seldom those of its hundred names
    dictionary = dictionary_file(b"C1||ataxia\nC2||asthma\n")
    code, found, err = command(*words("train", "--device", "cpu", "--draft", dictionary=dictionary))
    assert code == 0, err
    assert found["epochs"][0]["loss"] == 0


def test_a_mention_that_is_too_long(command, tiny_checkpoint, tiny_dictionary):
    model = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary}
    code, found, err = command("inference", model, "--device", "cpu", "--mention", "a" * 1001)
    assert (code, found) == (2, None)
    assert "the mention has 1001 characters: give 1000 at most" in err


def test_a_bad_dev_dictionary(refused, tiny_queries, dictionary_file):
    path = dictionary_file(b"D1|ataxia\n")
    line = refused("train", "--device", "cpu", "--dev_dir", tiny_queries, "--dev_dictionary_path", path)
    assert "bad_dictionary.txt:1: " in line


@pytest.mark.parametrize("verb", VERBS)
def test_a_byte_order_mark_and_windows_line_ends_are_no_error(result, words, dictionary_file, concept_file, verb):
    dictionary = dictionary_file("D1||ataxia\r\nD2||sjögren\r\n".encode("utf-8-sig"))
    queries = concept_file(GOOD_LINE.replace("\n", "\r\n").encode("utf-8-sig"))
    result(*words(verb, dictionary=dictionary, queries=queries))
