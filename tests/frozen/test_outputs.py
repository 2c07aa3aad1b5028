"""What the commands write about a model that the old commit trained: JSON on stdout, files of figures, linked files."""

import json
import shutil

import pytest

UNSTABLE = ("output", "input", "seconds")


@pytest.fixture(scope="module")
def evaluated(result, model, fixtures, tmp_path_factory):
    """Function: flags -> the output folder of eval.py on the test mentions, and the JSON that it printed."""

    def call(*flags, folder=None):
        output = tmp_path_factory.mktemp("eval")
        data = ["--data_dir", fixtures / "corpus" / "test", "--topk", 5, "--output_dir", output]
        flags = [*data, "--save_predictions", *flags]
        return output, result("eval", *(model(folder) if folder else model()), *flags)

    return call


@pytest.fixture(scope="module")
def hybrid(evaluated, fixtures):
    return evaluated("--train_dir", fixtures / "corpus" / "traindev")


@pytest.fixture(scope="module")
def dense(evaluated):
    return evaluated("--score_mode", "dense")


def test_eval(hybrid, golden):
    output, printed = hybrid
    names = sorted(path.name for path in output.iterdir())
    files = {name: json.loads((output / name).read_text("utf-8")) for name in names}
    files["metrics.json"]["left_out"] = list(files["metrics.json"]["left_out"])  # and the reasons, in English
    golden("eval", {"stdout": printed, **files})


def test_eval_with_other_flags(evaluated, dense, golden):
    reported, _ = evaluated("--report", "--score_mode", "sparse")
    printed = {
        "dense": dense[1],
        "filters": evaluated("--filter_composite", "--filter_duplicate", "--max_length", 12)[1],
        "hidden concepts": evaluated("--hide_concepts", 0.3, "--seed", 4)[1],
        "files with --report": sorted(path.name for path in reported.iterdir()),
    }
    golden("eval_flags", printed)


def test_compare(result, hybrid, dense, golden):
    golden("compare", {**result("compare", hybrid[0], dense[0], "--quiet"), "a": "a folder", "b": "a folder"})


@pytest.fixture(scope="module")
def calibrated(result, model, fixtures, tmp_path_factory):
    """A calibrated copy of the model, and what biosyn calibrate printed."""
    folder = shutil.copytree(fixtures / "checkpoint", tmp_path_factory.mktemp("calibrated") / "model")
    return folder, result("calibrate", *model(folder), "--data_dir", fixtures / "corpus" / "test")


def test_calibrate_and_answers_with_a_threshold(result, calibrated, evaluated, model, golden):
    folder, printed = calibrated
    refused = ["--mention", "mystery illness", "--threshold", 0.99]
    metrics = json.loads((evaluated("--threshold", 0.5, folder=folder)[0] / "metrics.json").read_text("utf-8"))
    found = {
        "calibrate": printed,
        "biosyn.json": json.loads((folder / "biosyn.json").read_text("utf-8"))["calibration"],
        "metrics.json": metrics["confidence"],
        "names": result("inference", *model(folder), "--mention", "ovarian tumours", "--topk", 2),
        "concepts": result("inference", *model(folder), "--mention", "tumours", "--group_by_concept", "--topk", 2),
        "refused": result("inference", *model(folder), *refused),
        "no concept": result("inference", *model(folder), *refused, "--group_by_concept"),
    }
    golden("calibrated", found, tolerance=1e-3)  # of a fit, and of logits that are far from 0


MENTION = ("--mention", "Louis-Bar  syndrome")


def test_inference_of_a_mention(result, model, fixtures, golden, tmp_path):
    (tmp_path / "document.txt").write_text("Ataxia telangiectasia (AT) and spider vein.\n", encoding="utf-8")
    alone = ["--model_name_or_path", fixtures / "checkpoint", "--device", "cpu", *MENTION]
    explained = ["--mention", "AT and asthma", "--explain", "--topk", 2, "--split_composites"]
    found = {
        "names": result("inference", *model(), *MENTION),
        "concepts": result("inference", *model(), *MENTION, "--group_by_concept", "--topk", 3),
        "embeddings": result("inference", *alone),
        "both": result("inference", *model(), "--mention", "x", "--topk", 1, "--show_predictions", "--show_embeddings"),
        "reasons": result("inference", *model(), *explained, "--document", tmp_path / "document.txt"),
    }
    golden("inference", found)


LINKED = {
    "in.csv": ["--on_error", "skip"],
    "in.tsv": ["--column", "disease", "--add", "id"],
    "in.jsonl": ["--field", "name"],
    "in.txt": ["--split_composites"],
    "in.pubtator": ["--abbreviations", "schwartz-hearst", "--types", "Disease"],
    "in.json": ["--format", "bioc-json", "--abbreviations", "none"],
    "in.xml": ["--format", "bioc-xml", "--abbreviations", "none", "--add", "all"],
}


def test_inference_of_a_file(result, model, inputs, golden, contents, masked, tmp_path, monkeypatch):
    monkeypatch.chdir(inputs / "mentions")  # errors name the input as it was given
    found = {}
    for name, flags in LINKED.items():
        folder = tmp_path / name
        folder.mkdir()
        files = ["--input", name, "--output", folder / name]
        printed = result("inference", *model(), *files, *flags)
        found[name] = {"stdout": masked(printed, *UNSTABLE), "files": contents(folder)}
    golden("linked", found)


def test_index_and_cache(result, model, golden, masked, tmp_path):
    where = ["--cache_dir", tmp_path]
    built = result("index", "build", *model(), *where)
    found = {
        "index build": built,
        "cache ls": result("cache", "ls", *where),
        "cache verify": result("cache", "verify", *where),
        "cache rm": result("cache", "rm", "--all", *where),
    }
    keys = ("key", "bytes", "cache_dir", "sound", "removed", "folder", *UNSTABLE)  # a new format has others
    golden("index", masked(found, *keys))
    assert list(tmp_path.rglob("*.npy")) == []


BAD = {
    "no such model": ["eval", "--model_name_or_path", "none", "--dictionary_path", "none", "--data_dir", "none"],
    "no such dictionary": ["train", "--model_name_or_path", "x", "--train_dictionary_path", "none"]
    + ["--train_dir", "none", "--output_dir", "none"],
    "no mention": ["inference", "--model_name_or_path", "none"],
    "no letter": ["inference", "--model_name_or_path", "none", "--mention", "-"],
    "half of what the demo needs": ["demo", "--model_name_or_path", "none"],
    "no such run": ["compare", "none", "none"],
    "no such ontology": ["preprocess", "dictionary", "none", "--from", "medic", "--output", "none"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_exit_2_and_one_line(run, case):
    code, out, err = run(*BAD[case])
    assert (code, out, err.count("\n")) == (2, "", 1)
    verb = BAD[case][0]
    assert err.startswith((f"{verb}.py: error: ", f"biosyn {verb}: error: "))
