import json
import os
import pickle
import pickletools
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import normalize
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

import biosyn.checkpoint.upstream_export as upstream_export
from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.upstream_export import save_upstream
from biosyn.encoders.cls_only import keep_cls_only
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError

CPU = torch.device("cpu")
# names with upper case and letters beyond ASCII; "l2" is also the value of a parameter
FITTED = ["ataxia", "Ataxia telangiectasia", "sjögren syndrome", "β thalassemia", "l2", "anemia 12"]
NAMES = [*FITTED, "a", "ATAXIA", "anemia hemolytic", "完全", "x"]
WRITTEN = {
    "config.json",
    "pytorch_model.bin",
    "sparse_encoder.pk",
    "sparse_weight.pt",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
}
GLOBALS = {
    "sklearn.feature_extraction.text TfidfVectorizer",
    "sklearn.feature_extraction.text TfidfTransformer",
    "scipy.sparse csr_matrix",
    "numpy.core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "numpy float64",
}


@pytest.fixture
def parts(tiny_encoder):
    model, tokenizer = load_encoder(tiny_encoder, CPU)
    return {
        "model": model,
        "tokenizer": tokenizer,
        "sparse_encoder": SparseEncoder().fit(FITTED),
        "sparse_weight": 1.25,
    }


@pytest.fixture
def folder(parts, tmp_path):
    save_upstream(tmp_path / "export", **parts)
    return tmp_path / "export"


def unpickle(folder):
    with (folder / "sparse_encoder.pk").open("rb") as file:
        return pickle.load(file)


def cls_vectors(folder, texts):
    """The dense vectors as upstream computes them, (N, H): padded to 25 tokens, the last hidden state at [CLS]."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(texts, padding="max_length", max_length=25, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs)[0][:, 0]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# -- what is in it


def test_these_files_are_written_and_nothing_else(folder):
    assert set(contents(folder)) == WRITTEN


def test_vocab_txt_has_a_piece_a_line_in_the_order_of_ids(parts, folder):
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert lines[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert {piece: row for row, piece in enumerate(lines)} == parts["tokenizer"].get_vocab()


def test_a_tokenizer_that_is_not_wordpiece_gets_no_vocab_txt(parts, tmp_path):
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "ataxia": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    save_upstream(tmp_path, **{**parts, "tokenizer": tokenizer})
    assert set(contents(tmp_path)) == WRITTEN - {"vocab.txt"}
    assert AutoTokenizer.from_pretrained(tmp_path)("ataxia x")["input_ids"] == [1, 0]


def test_ids_with_a_gap_get_no_vocab_txt(parts, tmp_path):
    pieces = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "ataxia": 6}
    tokenizer = type(parts["tokenizer"])(vocab=pieces)
    save_upstream(tmp_path, **{**parts, "tokenizer": tokenizer})
    assert not (tmp_path / "vocab.txt").exists()
    assert AutoTokenizer.from_pretrained(tmp_path)("ataxia")["input_ids"] == [2, 6, 3]


def test_the_weights_are_a_plain_dict_of_float32_tensors(parts, folder):
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    theirs = parts["model"].state_dict()
    assert type(weights) is dict
    assert set(weights) == set(theirs)
    for name, tensor in weights.items():
        assert type(tensor) is torch.Tensor
        assert (tensor.dtype, tensor.device, tensor.is_contiguous()) == (torch.float32, CPU, True)
        assert torch.equal(tensor, theirs[name])


def test_a_model_in_half_precision_is_written_in_float32(parts, tmp_path):
    save_upstream(tmp_path, **{**parts, "model": parts["model"].half()})
    weights = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    loaded = AutoModel.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded.embeddings.word_embeddings.weight.half(), parts["model"].get_input_embeddings().weight)


def test_the_weight_is_a_parameter_of_shape_1(folder):
    weight = torch.load(folder / "sparse_weight.pt", weights_only=True)
    assert isinstance(weight, torch.nn.Parameter)
    assert (weight.dtype, weight.shape, weight.device, weight.item()) == (torch.float32, (1,), CPU, 1.25)


def test_a_model_that_computes_cls_only_is_written_like_any_other(parts, folder, tmp_path):
    assert keep_cls_only(parts["model"])
    save_upstream(tmp_path / "cls_only", **parts)
    assert (tmp_path / "cls_only" / "pytorch_model.bin").read_bytes() == (folder / "pytorch_model.bin").read_bytes()
    assert contents(tmp_path / "cls_only")["config.json"] == contents(folder)["config.json"]


# -- the pickle


def test_the_pickle_names_only_what_every_version_of_the_libraries_has(folder):
    operations = list(pickletools.genops((folder / "sparse_encoder.pk").read_bytes()))
    assert {argument for opcode, argument, _ in operations if opcode.name == "GLOBAL"} == GLOBALS
    assert not {opcode.name for opcode, _, _ in operations} & {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
    assert [argument for opcode, argument, _ in operations if opcode.name == "PROTO"] == [3]


def test_a_class_name_among_the_n_grams_is_left_as_it_is():
    text = "cscipy.sparse._csr\ncsr_matrix\n"
    pickled = pickle.dumps([text, sparse.csr_matrix((1, 1))], protocol=3)
    renamed = upstream_export._renamed(pickled)
    assert pickle.loads(renamed)[0] == text
    assert renamed.count(b"cscipy.sparse._csr\n") == pickled.count(b"cscipy.sparse._csr\n") - 1
    assert renamed.count(b"cscipy.sparse\ncsr_matrix\n") == 1


def test_loading_it_makes_no_warning_where_it_was_written(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unpickle(folder).transform(NAMES)


def test_the_same_encoder_gives_the_same_bytes(parts, folder):
    encoder = parts["sparse_encoder"]
    backwards = dict(sorted(encoder.vocabulary.items(), key=lambda item: -item[1]))
    # equal strings that are separate objects, and ones that are the same object as a parameter's value
    read = json.loads(json.dumps(backwards))
    shared = {sys.intern(ngram): column for ngram, column in read.items()}
    assert "l2" in shared
    for vocabulary in (read, shared):
        again = SparseEncoder(vocabulary, encoder.idf.tolist())
        assert upstream_export._pickled(again) == (folder / "sparse_encoder.pk").read_bytes()


def test_its_state_is_of_plain_types(parts, folder):
    vectorizer = unpickle(folder)
    state, weighting = vars(vectorizer), vars(vectorizer._tfidf)
    size = len(parts["sparse_encoder"].idf)
    assert list(state["vocabulary_"].values()) == list(range(size))
    assert {type(column) for column in state["vocabulary_"].values()} == {int}
    assert (state["fixed_vocabulary_"], state["stop_words_"], state["dtype"]) == (False, None, np.float64)
    assert (weighting["idf_"].dtype, weighting["_idf_diag"].dtype) == (np.float64, np.float64)
    assert weighting["_idf_diag"].indices.dtype == weighting["_idf_diag"].indptr.dtype == np.int32
    assert np.array_equal(weighting["_idf_diag"].toarray(), np.diag(weighting["idf_"]))


def test_it_has_the_parameters_of_a_vectorizer_made_by_its_constructor(folder):
    vectorizer = unpickle(folder)
    fresh = type(vectorizer)(analyzer="char", ngram_range=(1, 2))
    assert vectorizer.get_params() == fresh.get_params()
    assert vectorizer._tfidf.get_params() == type(vectorizer._tfidf)().get_params()


# -- the calls that other programs make


def test_the_sparse_rows_are_ours(parts, folder):
    rows = unpickle(folder).transform(NAMES).toarray()  # (N, V)
    ours = parts["sparse_encoder"](NAMES)
    assert np.count_nonzero(ours) > 100
    assert np.abs(rows - ours).max() < 1e-7


def test_the_sparse_rows_are_ours_under_a_scikit_learn_before_1_5(parts, folder):
    vectorizer = unpickle(folder)
    del vectorizer._tfidf.idf_  # which those versions ignore
    counts = super(type(vectorizer), vectorizer).transform(NAMES)  # CountVectorizer's, (N, V)
    rows = normalize(counts * vectorizer._tfidf._idf_diag, norm=vectorizer._tfidf.norm)
    assert np.abs(rows.toarray() - parts["sparse_encoder"](NAMES)).max() < 1e-7


def test_the_dense_vectors_are_ours(parts, folder):
    ours = DenseEncoder(parts["model"], parts["tokenizer"]).encode(NAMES)  # (N, H)
    torch.testing.assert_close(cls_vectors(folder, NAMES), ours, rtol=1e-5, atol=1e-5)


# -- the folder


@pytest.mark.parametrize("name", ["biosyn.json", "sparse_encoder.json", "model.safetensors", "added_tokens.json"])
def test_a_folder_that_would_become_a_mixture_is_refused(parts, tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=f"already holds {name}"):
        save_upstream(tmp_path, **parts)
    assert contents(tmp_path) == {name: b"{}"}


def test_an_export_can_be_written_over_another_and_beside_other_files(parts, folder):
    (folder / "notes.txt").write_text("mine")
    save_upstream(folder, **{**parts, "sparse_weight": 0.5})
    assert torch.load(folder / "sparse_weight.pt", weights_only=True).item() == 0.5
    assert set(contents(folder)) == WRITTEN | {"notes.txt"}


def test_a_crash_before_anything_is_moved_leaves_the_old_export(parts, folder, monkeypatch):
    def fail(value, path):
        Path(path).write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 4864 vs 4816")

    before = contents(folder)
    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(InputError, match=r"cannot be written \(\[enforce fail .*choose another folder"):
        save_upstream(folder, **parts)
    assert contents(folder) == before


def test_a_disk_that_is_full_for_the_tokenizer_is_an_input_error(parts, folder, monkeypatch):
    def fail(stage):
        raise Exception("No space left on device (os error 28)")  # what tokenizers raises

    before = contents(folder)
    monkeypatch.setattr(parts["tokenizer"], "save_pretrained", fail)
    with pytest.raises(InputError, match="No space left on device"):
        save_upstream(folder, **parts)
    assert contents(folder) == before


@pytest.mark.parametrize("nth", [1, 3, 7])
def test_a_crash_in_between_leaves_a_folder_that_does_not_load(parts, folder, monkeypatch, nth):
    moves, replace = [], os.replace

    def flaky(source, target):
        if os.path.dirname(target) == str(folder):
            moves.append(os.path.basename(target))
            if len(moves) == nth:
                raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", flaky)
    with pytest.raises(InputError, match="No space left on device"):
        save_upstream(folder, **parts)
    assert set(contents(folder)) == WRITTEN - {"config.json"}
    with pytest.raises((OSError, ValueError)):
        AutoModel.from_pretrained(folder)


def test_a_folder_that_cannot_be_made_is_an_input_error(parts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        save_upstream(tmp_path / "file" / "export", **parts)


# -- old libraries

# scikit-learn 1.1.3 is the oldest with a wheel for Python 3.11; transformers 4.30 goes with numpy 1
OLD_LIBRARIES = [
    "scikit-learn==1.1.3",
    "numpy==1.26.4",
    "transformers==4.30.2",
    f"torch=={torch.__version__.split('+')[0]}",
]
OTHER_PROGRAM = """
import json, pickle, sys
import numpy, sklearn, torch, transformers
from transformers import AutoModel, AutoTokenizer

folder, names = sys.argv[1], json.loads(sys.argv[2])
with open(folder + "/sparse_encoder.pk", "rb") as file:
    vectorizer = pickle.load(file)
model = AutoModel.from_pretrained(folder).eval()
dense = {}
for use_fast in (True, False):
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=use_fast)
    inputs = tokenizer(names, padding="max_length", max_length=25, truncation=True, return_tensors="pt")
    with torch.no_grad():
        dense[type(tokenizer).__name__] = model(**inputs)[0][:, 0].tolist()
json.dump({
    "versions": [module.__version__ for module in (sklearn, numpy, transformers)],
    "sparse": vectorizer.transform(names).toarray().tolist(),
    "weight": torch.load(folder + "/sparse_weight.pt").tolist(),
    "dense": dense,
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """The Python of a new virtual environment with the libraries of 2022 and 2023."""
    home = tmp_path_factory.mktemp("old") / "venv"
    python = home / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=300)
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *OLD_LIBRARIES]
    subprocess.run(install, check=True, timeout=1800)
    return python


@pytest.mark.slow
def test_old_libraries_compute_the_same_from_it(parts, folder, old_python):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [old_python, "-c", OTHER_PROGRAM, folder, json.dumps(NAMES)],
        env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    assert "newly initialized" not in found.stderr
    theirs = json.loads(found.stdout)
    assert theirs["versions"] == ["1.1.3", "1.26.4", "4.30.2"]
    assert theirs["weight"] == [1.25]
    assert np.abs(np.array(theirs["sparse"]) - parts["sparse_encoder"](NAMES)).max() < 1e-6
    ours = DenseEncoder(parts["model"], parts["tokenizer"]).encode(NAMES)  # (N, H)
    assert set(theirs["dense"]) == {"BertTokenizer", "BertTokenizerFast"}
    for vectors in theirs["dense"].values():
        torch.testing.assert_close(torch.tensor(vectors), ours, rtol=1e-5, atol=1e-5)
