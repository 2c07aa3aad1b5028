"""What train.py and pretrain.py compute and leave on disk: losses, logs, a checkpoint's files, training states."""

import hashlib
import json
import struct

import pytest

TIMES = ("seconds", "mentions_per_second", "names_per_second", "concepts_per_second")
SMALL = ["--train_batch_size", 4, "--learning_rate", 1e-3, "--device", "cpu", "--quiet"]


pytestmark = pytest.mark.usefixtures("same_dropout")


@pytest.fixture(scope="module")
def trained(result, fixtures, tmp_path_factory):
    """Function: verb and flags -> the output folder, and the JSON that was printed."""

    def call(verb, *flags):
        folder, corpus = tmp_path_factory.mktemp(verb) / "model", fixtures / "corpus"
        encoder = ["--model_name_or_path", fixtures / "encoder"]
        data = ["--train_dictionary_path", corpus / "dictionary.txt", "--output_dir", folder]
        queries = ["--train_dir", corpus / "traindev", "--topk", 6] if verb == "train" else []
        return folder, result(verb, *encoder, *data, *queries, *SMALL, *flags)

    return call


@pytest.fixture(scope="module")
def dev(fixtures):
    return ["--dev_dir", fixtures / "corpus" / "test", "--dev_dictionary_path", fixtures / "corpus" / "dictionary.txt"]


@pytest.fixture(scope="module")
def three_epochs(trained, dev):
    return trained("train", "--epoch", 3, "--initial_sparse_weight", 0.5, "--save_checkpoint_all", *dev)


def logged(folder):
    return [json.loads(line) for line in (folder / "train_log.jsonl").read_text("utf-8").splitlines()]


def test_three_epochs(three_epochs, golden, masked):
    folder, printed = three_epochs
    assert printed["output_dir"] == str(folder)
    assert logged(folder) == printed["epochs"]
    golden("train", masked(printed, "output_dir", *TIMES))


FLAGS = {
    "cosines": ["--similarity", "cosine", "--pooling", "mean", "--temperature", 0.05],
    "other candidates": ["--dense_ratio", 1, "--fixed_candidates", "--topk", 4, "--seed", 3],
    "accumulation": ["--train_batch_size", 2, "--gradient_accumulation_steps", 3, "--gradient_checkpointing"],
}


def test_two_epochs_with_other_flags(trained, golden):
    runs = {name: trained("train", "--epoch", 2, *flags)[1]["epochs"] for name, flags in FLAGS.items()}
    golden("train_flags", {name: [[row["loss"], row["w"]] for row in rows] for name, rows in runs.items()})


def test_a_draft_goes_beside_the_output_folder(trained):
    folder, printed = trained("train", "--epoch", 1, "--draft")
    assert printed["output_dir"] == f"{folder}_draft"
    assert printed["mentions"] == 10
    assert not folder.exists()


def test_pretraining(trained, dev, golden, masked):
    folder, printed = trained("pretrain", "--epoch", 3, "--group_size", 2, *dev)
    assert logged(folder) == printed["epochs"]
    manifest = json.loads((folder / "biosyn.json").read_text("utf-8"))
    kept = {key: manifest[key] for key in ("pooling", "similarity", "trained", "figures")}
    found = {"stdout": printed, "biosyn.json": kept, "modules.json": json.loads((folder / "modules.json").read_text())}
    golden("pretrain", masked(found, "output_dir", *TIMES))


def test_ablation(result, fixtures, golden, masked, tmp_path):
    corpus, dictionary = fixtures / "corpus", fixtures / "corpus" / "dictionary.txt"
    training = ["--train_dictionary_path", dictionary, "--train_dir", corpus / "traindev", "--topk", 6, "--epoch", 1]
    evaluation = ["--dictionary_path", dictionary, "--data_dir", corpus / "test", "--dense_ratios", 0.5]
    model = ["--model_name_or_path", fixtures / "encoder", "--output_dir", tmp_path / "out"]
    printed = result("ablate", *model, *training, *evaluation, *SMALL)
    rows = [json.loads(line) for line in (tmp_path / "out" / "ablation.jsonl").read_text("utf-8").splitlines()]
    assert rows == printed["rows"]
    names = [[row["folder"], row["settings"]["score_mode"], row["acc1"]["value"], row["acc5"]["value"]] for row in rows]
    golden("ablate", {"rows": names, "the first": masked(rows[0], *TIMES)})


# -- the files


def tensors(path):
    """Return name -> type and shape, as a safetensors file's header has them."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    return {name: f"{part['dtype']} {part['shape']}" for name, part in sorted(header.items())}


def test_names_and_formats_of_the_files(three_epochs, golden, masked):
    folder, _ = three_epochs
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    read = {path: json.loads((folder / path).read_text("utf-8")) for path in paths if path.endswith(".json")}
    sparse, manifest = read["sparse_encoder.json"], read["biosyn.json"]
    vocabulary = sparse.pop("vocabulary")
    assert list(vocabulary.values()) == list(range(len(vocabulary)))
    found = {
        "files": paths,
        "biosyn.json": {**manifest, "files": sorted(manifest["files"]), "libraries": list(manifest["libraries"])},
        "sparse_encoder.json": {**sparse, "sha256 of the n-grams": sha256("\n".join(vocabulary))},
        "model.safetensors": tensors(folder / "model.safetensors"),
        **{path: read[path] for path in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json")},
    }
    assert (folder / "README.md").read_text("utf-8").startswith("---\n")  # a model card
    golden("checkpoint", masked(found, *TIMES))


def test_a_training_state(three_epochs, golden, masked):
    (state,) = (three_epochs[0] / "training_state").iterdir()
    header = json.loads((state / "state.json").read_text("utf-8"))
    assert header["sha256"] == hashlib.sha256((state / "tensors.safetensors").read_bytes()).hexdigest()
    header["values"]["log"] = len(header["values"]["log"])
    masks = ("sha256", "model_name_or_path", "retrieval_seconds", "step_seconds")
    golden("training_state", masked({"state.json": header, "tensors": tensors(state / "tensors.safetensors")}, *masks))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
