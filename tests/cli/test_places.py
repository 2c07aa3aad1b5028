"""Every verb: an output is never an input, whatever its name, and an input is a file or a pipe."""

import os
import shutil
from itertools import cycle
from pathlib import Path

import pytest

from biosyn import pipes
from biosyn.linking import file as linking
from biosyn.model.predict import predict
from biosyn.training.run import run_epochs


@pytest.fixture
def files(tiny_encoder, tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path, monkeypatch):
    """A working folder with copies of all that the verbs read."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_encoder, "encoder")
    shutil.copytree(tiny_checkpoint, "model")
    shutil.copytree(tiny_queries, "queries")
    shutil.copy(tiny_dictionary, "dictionary.txt")
    Path("concepts.jsonl").write_text('{"ids": ["D1"], "preferred_name": "Ataxia", "names": [], "source": ""}\n')
    Path("in.txt").write_text("ataxia\nbreast cancer\n")
    Path("typos.txt").write_text("ataxai||ataxia\n")
    Path("table.csv").write_text("id,name\nD1,ataxia\n")
    Path("corpus.txt").write_text("1|t|Skin\n1|a|\n1\t0\t4\tSkin\tDisease\tD1\n")
    return tmp_path


def contents(folder):
    """The files of a folder: name -> link target, or bytes of a file, or that it is neither."""
    return {
        path.relative_to(folder).as_posix(): (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "no file"
        )
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


MODEL = ["--model_name_or_path", "model", "--device", "cpu", "--cache_dir", "cache"]
DICTIONARY = ["--dictionary_path", "dictionary.txt"]
LINK = ["inference", *MODEL, *DICTIONARY, "--typo_path", "typos.txt", "--input"]
EVAL = ["eval", *MODEL, *DICTIONARY, "--data_dir", "queries", "--topk", "2", "--output_dir"]
CALIBRATE = ["calibrate", *MODEL, "--data_dir", "queries", "--dictionary_path"]
RERANK = ["rerank", *CALIBRATE[1:]]
TRAINED = ["--model_name_or_path", "encoder", "--device", "cpu", "--epoch", "0"]
TRAIN = ["train", *TRAINED, "--topk", "2", "--train_dir", "queries", "--train_dictionary_path"]
PRETRAIN = ["pretrain", *TRAINED, "--train_dictionary_path"]
ABLATE = ["ablate", "--model_name_or_path", "encoder", "--train_dir", "queries", "--data_dir", "queries"]
ABLATE += ["--train_dictionary_path", "dictionary.txt", "--dictionary_path", "out/ablation.jsonl", "--output_dir"]
CORPUS = ["preprocess", "pubtator", "--dictionary", "dictionary.txt", "--abbreviations", "none", "--train"]

# verb: the command, and the links to make first, name -> (how, what it is a name of)
SAME = {
    "linking, the dictionary": ([*LINK, "in.txt", "--output", "dictionary.txt"], {}),
    "linking, the concepts": ([*LINK, "in.txt", "--output", "./concepts.jsonl"], {}),
    "linking, the weights": ([*LINK, "in.txt", "--output", "model/model.safetensors"], {}),
    "linking, the corrections": ([*LINK, "in.txt", "--output", "queries/../typos.txt"], {}),
    "linking, the errors file": ([*LINK, "out.errors.jsonl", "--output", "out"], {"out.errors.jsonl": "in.txt"}),
    "linking, the journal": ([*LINK, "out.partial/output", "--output", "out"], {"out.partial/output": "in.txt"}),
    "linking, a hard link": ([*LINK, "in.txt", "--output", "hard"], {"hard": "in.txt"}),
    "linking, a symbolic link": ([*LINK, "in.txt", "--output", "soft"], {"soft": "-> dictionary.txt"}),
    "eval, the dictionary": ([*EVAL, "out"], {"out/metrics.json": "dictionary.txt"}),
    "eval, a query": ([*EVAL, "out"], {"out/report.html": "-> ../queries/10021369.concept"}),
    "eval, what it records": ([*EVAL, "out", "--record_as", "test"], {"model/README.md": "dictionary.txt"}),
    "calibrate, the dictionary": ([*CALIBRATE, "model/README.md"], {"model/README.md": "dictionary.txt"}),
    "rerank, the dictionary": ([*RERANK, "model/README.md"], {"model/README.md": "dictionary.txt"}),
    "train, the dictionary": ([*TRAIN, "out/README.md", "--output_dir", "out"], {"out/README.md": "dictionary.txt"}),
    "train, the log": ([*TRAIN, "dictionary.txt", "--output_dir", "o"], {"o/train_log.jsonl": "dictionary.txt"}),
    "train, the encoder": ([*TRAIN, "dictionary.txt", "--output_dir", "o"], {"o/config.json": "encoder/config.json"}),
    "train, a draft": (
        [*TRAIN, "dictionary.txt", "--output_dir", "o", "--draft"],
        {"o_draft/vocab.txt": "dictionary.txt"},
    ),
    "train, a state": ([*TRAIN, "dictionary.txt", "--output_dir", "o"], {"o/training_state/1_0/a": "dictionary.txt"}),
    "train, the lock": ([*TRAIN, "dictionary.txt", "--output_dir", "o"], {"o/.training.lock": "dictionary.txt"}),
    "pretrain, the dictionary": (
        [*PRETRAIN, "out/README.md", "--output_dir", "out"],
        {"out/README.md": "dictionary.txt"},
    ),
    "pretrain, the second dictionary": (
        [*PRETRAIN, "dictionary.txt", "out/README.md", "--output_dir", "out"],
        {"out/README.md": "dictionary.txt"},
    ),
    "ablate, the dictionary": ([*ABLATE, "out"], {"out/ablation.jsonl": "dictionary.txt"}),
    "ablate, the lock": ([*ABLATE, "out"], {"out/.training.lock": "dictionary.txt"}),
    "convert, the model": (["convert", "--model_name_or_path", "model", "--output_dir", "queries/../model"], {}),
    "dictionary, its table": (
        ["preprocess", "dictionary", "--from", "csv", "table.csv", "--output", "hard"],
        {"hard": "table.csv"},
    ),
    "corpus, its text": ([*CORPUS, "corpus.txt", "--output_dir", "o"], {"o/train/1.concept": "corpus.txt"}),
    "corpus, the ontology": (
        [*CORPUS, "corpus.txt", "--output_dir", "o"],
        {"o/dev_dictionary.txt": "-> ../dictionary.txt"},
    ),
    "hpo, its obo": (["preprocess", "hpo", "--obo", "in.txt", "--output_dir", "o"], {"o/concepts.jsonl": "in.txt"}),
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_read_is_never_written(refused, files, case):
    words, links = SAME[case]
    for name, target in links.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).unlink(missing_ok=True)
        if target.startswith("-> "):
            Path(name).symlink_to(target.removeprefix("-> "))
        else:
            Path(name).hardlink_to(target)
    before = contents(files)
    assert "is the input too" in refused(*words)
    assert contents(files) == before


PLACES = {
    "linking": ([*LINK, "in.txt", "--output", "out"], "out"),
    "linking, the errors file": ([*LINK, "in.txt", "--output", "out"], "out.errors.jsonl"),
    "eval": ([*EVAL, "out"], "out/metrics.json"),
    "calibrate": ([*CALIBRATE, "dictionary.txt"], "model/README.md"),
    "train": ([*TRAIN, "dictionary.txt", "--output_dir", "out"], "out/model.safetensors"),
    "pretrain": ([*PRETRAIN, "dictionary.txt", "--output_dir", "out"], "out/biosyn.json"),
    "convert": (["convert", "--model_name_or_path", "model", "--output_dir", "out"], "out/tokenizer.json"),
    "dictionary": (["preprocess", "dictionary", "--from", "csv", "table.csv", "--output", "o/out"], "o/out"),
    "corpus": ([*CORPUS, "corpus.txt", "--output_dir", "out"], "out/train_dictionary.txt"),
}


@pytest.mark.parametrize(
    ("case", "kind"), list(zip(PLACES, cycle(["a pipe", "a symbolic link", "a folder", "a pipe"]), strict=False))
)
def test_only_a_file_is_replaced(refused, files, case, kind):
    words, name = PLACES[case]
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        (files / "another file").write_text("precious\n")
        path.symlink_to(files / "another file")
    before = contents(files)
    assert f"{name}: is {kind} where a file is to be written: choose another" in refused(*words)
    assert contents(files) == before


# -- what is no file


READERS = {
    "linking": [*LINK, "odd", "--output", "out"],
    "linking, the dictionary": [
        "inference",
        *MODEL,
        "--dictionary_path",
        "odd",
        "--input",
        "in.txt",
        "--output",
        "out",
    ],
    "linking, the corrections": [*LINK, "in.txt", "--output", "out", "--typo_path", "odd"],
    "linking, the concepts": ["inference", *MODEL, *DICTIONARY, "--mention", "ataxia", "--explain"],
    "eval": ["eval", *MODEL, "--dictionary_path", "odd", "--data_dir", "queries", "--output_dir", "out"],
    "eval, a query": ["eval", *MODEL, *DICTIONARY, "--data_dir", "odds", "--output_dir", "out"],
    "calibrate": [*CALIBRATE, "odd"],
    "rerank": [*RERANK, "odd"],
    "train": [*TRAIN, "odd", "--output_dir", "out"],
    "pretrain": [*PRETRAIN, "odd", "--output_dir", "out"],
    "index": ["index", "build", *MODEL, "--dictionary_path", "odd"],
    "compare": ["compare", "odd", "odd"],
    "dictionary": ["preprocess", "dictionary", "--from", "csv", "odd", "--output", "new/out"],
    "diff": ["preprocess", "dictionary", "--diff", "dictionary.txt", "odd"],
    "corpus": [*CORPUS, "odd", "--output_dir", "out"],
    "hpo": ["preprocess", "hpo", "--obo", "odd", "--output_dir", "out"],
}


@pytest.mark.parametrize(
    ("verb", "kind"), list(zip(READERS, cycle(["a pipe that nobody writes to", "a device"]), strict=False))
)
def test_what_cannot_be_read_as_a_file_is_one_line(refused, files, monkeypatch, verb, kind):
    monkeypatch.setattr(pipes, "WRITER_WAIT", 0.01)
    Path("odds").mkdir()
    if verb == "linking, the concepts":
        Path("concepts.jsonl").unlink()
    for name in ("odd", "odds/1.concept", *(["concepts.jsonl"] if verb == "linking, the concepts" else [])):
        if kind == "a device":
            Path(name).symlink_to("/dev/zero")
        else:
            os.mkfifo(name)
    assert f"is {kind}" in refused(*READERS[verb])
    assert not Path("out").is_file()


def test_mentions_by_a_pipe_are_linked_as_those_of_a_file(result, files, piped):
    result(*LINK, "in.txt", "--output", "of-file")
    found = result(*LINK, piped(Path("in.txt").read_bytes()), "--output", "of-pipe")
    assert found["mentions"] == 2
    assert Path("of-pipe").read_bytes() == Path("of-file").read_bytes()


def test_a_run_with_a_dictionary_by_a_pipe_is_resumed_with_the_same_one_only(command, files, piped, monkeypatch):
    words = ["inference", *MODEL, "--input", "in.txt", "--output", "out", "--dictionary_path"]
    same = Path("dictionary.txt").read_bytes()

    def stopped(*args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(linking, "best_links", stopped)
    assert command(*words, piped(same))[0] == 130
    monkeypatch.undo()
    os.chdir(files)
    other = same.replace(b"ataxia", b"anemia", 1)
    code, _, err = command(*words, piped(other), "--resume")
    assert code == 2
    assert "its dictionary has changed" in err
    assert command(*words, piped(same), "--resume")[0] == 0


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ([*EVAL, "out", "--record_as", "test"], "biosyn.evaluation.evaluate"),
        ([*CALIBRATE, "dictionary.txt"], "biosyn.evaluation.calibrate"),
    ],
    ids=["eval", "calibrate"],
)
def test_no_figure_is_kept_of_an_input_that_has_changed(command, files, monkeypatch, words, module):
    def changed(*args, **how):
        Path("dictionary.txt").touch()
        return predict(*args, **how)

    monkeypatch.setattr(f"{module}.predict", changed)
    before = contents(files / "model")
    code, _, err = command(*words)
    assert code == 2
    assert "dictionary.txt: has changed while it was used: start again" in err
    assert contents(files / "model") == before
    assert not list(Path().glob("out/*"))


def test_a_training_names_what_has_changed_since_it_was_read(command, files, monkeypatch):
    def changed(*args, **how):
        Path("dictionary.txt").touch()
        return run_epochs(*args, **how)

    monkeypatch.setattr("biosyn.training.train.run_epochs", changed)
    code, _, err = command(*TRAIN, "dictionary.txt", "--output_dir", "out")
    assert code == 0
    assert "dictionary.txt: has changed during the run, the result is of what was read at its start" in err


def test_a_model_may_be_trained_on_in_its_own_folder(result, files):
    in_place = ["encoder" if word == "out" else word for word in [*TRAIN, "dictionary.txt", "--output_dir", "out"]]
    result(*in_place)
    assert Path("encoder/biosyn.json").exists()
