"""Paths that the system refuses, to every flag that takes one: one line, exit code 2, no traceback."""

from itertools import cycle

import pytest

from biosyn.cli.verbs import VERBS

LONG = "a" * 5000


@pytest.fixture
def places(tmp_path):
    """Kind of a bad path -> the path."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    return {
        "long": tmp_path / LONG,
        "nul": f"{tmp_path}/a\0b",
        "loop": tmp_path / "loop" / "a",
        "below a file": tmp_path / "file" / "a",
        "blank": "  ",
    }


@pytest.fixture
def good(tiny_encoder, tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """Command -> its words and the flags of a command line without a fault, paths alone."""
    mentions = tmp_path / "mentions.txt"
    mentions.write_text("ataxia\n")
    searched = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary}
    measured = {**searched, "--data_dir": tiny_queries}
    training = {"--model_name_or_path": tiny_encoder, "--train_dictionary_path": tiny_dictionary}
    dev = {"--dev_dir": tiny_queries, "--dev_dictionary_path": tiny_dictionary}
    out = {"--output_dir": tmp_path / "out"}
    raw = {"--raw_dir": tmp_path, "--dictionary": tiny_dictionary, **out}
    split = {"--train": mentions, "--dictionary": tiny_dictionary, "--typo_path": mentions, **out}
    cpu, topk = ("--device", "cpu", "--quiet"), ("--topk", "2")
    return {
        "train": (["train", *cpu, *topk, "--epoch", "0"], {**training, **dev, "--train_dir": tiny_queries, **out}),
        "pretrain": (["pretrain", *cpu, "--epoch", "0"], {**training, **dev, **out}),
        "eval": (["eval", *cpu, *topk], {**measured, "--train_dir": tiny_queries, "--cache_dir": tmp_path, **out}),
        "calibrate": (["calibrate", *cpu], {**measured, "--cache_dir": tmp_path}),
        "rerank": (["rerank", *cpu], {**measured, "--cache_dir": tmp_path}),
        "compare": (["compare", "--quiet"], {"--a": tmp_path, "--b": tmp_path}),
        "ablate": (
            ["ablate", *cpu, *topk, "--epoch", "0"],
            {**training, "--train_dir": tiny_queries, **measured, "--cache_dir": tmp_path, **out},
        ),
        "inference --mention": (
            ["inference", *cpu, "--mention", "ataxia", "--explain"],
            {**searched, "--document": mentions, "--typo_path": mentions, "--cache_dir": tmp_path},
        ),
        "inference --input": (
            ["inference", *cpu],
            {**searched, "--input": mentions, "--output": tmp_path / "linked", "--typo_path": mentions},
        ),
        "map": (["map", *cpu], {"": mentions, **searched, "--cache_dir": tmp_path, "--output": tmp_path / "m.tsv"}),
        "check": (
            ["check", *cpu],
            {"": mentions, **searched, "--cache_dir": tmp_path, "--output": tmp_path / "checked.tsv"},
        ),
        "mcp": (["mcp", *cpu], searched),
        "demo": (["demo", *cpu, "--port", "0"], searched),
        "index": (["index", "build", *cpu], {**searched, "--cache_dir": tmp_path / "cache"}),
        "convert": (["convert"], {"--model_name_or_path": tiny_checkpoint, **out}),
        "cache": (["cache", "verify", "--all"], {"--cache_dir": tmp_path}),
        "preprocess ncbi-disease": (["preprocess", "ncbi-disease", "--quiet"], {**raw, "--typo_path": mentions}),
        "preprocess medmentions": (["preprocess", "medmentions", "--quiet"], raw),
        "preprocess pubtator": (["preprocess", "pubtator", "--quiet"], split),
        "preprocess bioc": (["preprocess", "bioc", "--quiet"], split),
        "preprocess hpo": (["preprocess", "hpo", "--quiet"], {"--obo": mentions, **out}),
        "preprocess dictionary": (
            ["preprocess", "dictionary", "--quiet", "--from", "csv"],
            {"": mentions, "--output": tmp_path / "out" / "dictionary.txt"},
        ),
        "quickstart": (["quickstart", "--quiet"], out),
    }


COMMANDS = (
    *(
        "train",
        "pretrain",
        "eval",
        "calibrate",
        "rerank",
        "compare",
        "ablate",
        "inference --mention",
        "inference --input",
    ),
    *(
        "map",
        "check",
        "mcp",
        "demo",
        "index",
        "convert",
        "cache",
        "preprocess ncbi-disease",
        "preprocess medmentions",
        "preprocess pubtator",
    ),
    *("preprocess bioc", "preprocess hpo", "preprocess dictionary"),
)


def test_no_verb_is_left_out(good):
    assert {command.split()[0] for command in good} == set(VERBS)
    assert set(good) - set(COMMANDS) == {"quickstart"}  # it reads an ontology of its own for seconds


@pytest.mark.parametrize("case", COMMANDS)
def test_a_path_that_the_system_refuses_is_one_line(case, good, places, refused):
    words, flags = good[case]
    kinds = cycle(places)
    for flag in flags:
        # two of the five for each flag: over all flags each comes often; a cache that cannot be made is only a warning
        for kind in ("nul", "blank") if flag == "--cache_dir" else (next(kinds), next(kinds)):
            line = refused(*words, *(part for pair in {**flags, flag: places[kind]}.items() for part in pair if part))
            assert ": error: " in line, (flag, kind)
            assert len(line) < 1100, (flag, kind)
