"""The published checkpoints' own files: what good ones give, and that no bad one runs, hangs or breaks anything."""

import builtins
import copyreg
import functools
import importlib
import io
import json
import os
import pathlib
import pickle
import runpy
import struct
import subprocess
import tracemalloc
import types
import warnings
import zipfile
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline

from biosyn.checkpoint import published
from biosyn.checkpoint.published import is_published, load_published_sparse_encoder, load_published_sparse_weight
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError

NAMES = ["ataxia telangiectasia", "breast cancer", "sjögren syndrome", "β thalassemia"]
TEXTS = ["ATAXIAS", "cancer of breast", "βx", "zzz 7", ""]
FIXTURES = ["legacy-checkpoint", "legacy-checkpoint-py37"]
PROTOCOLS = [2, 3, 4, 5]
KINDS = ["csr", "csc", "dia", "coo"]
MODULES = ["._{}", ".{}", ""]  # scipy 1.8 and later, until 1.7, and as the export writes it
# every pair of kind, protocol, suffix and module occurs in one of the 16
FORMS = [
    (kind, protocol, ("matrix", "array")[(i + j) % 2], MODULES[(i + j) % 3])
    for i, kind in enumerate(KINDS)
    for j, protocol in enumerate(PROTOCOLS)
]


@pytest.fixture
def fitted():
    """A TfidfVectorizer as BioSyn fits it, by the scikit-learn that is installed; fresh for each test."""
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(NAMES)


@pytest.fixture
def load(tmp_path):
    """Function: the bytes of sparse_encoder.pk -> SparseEncoder."""

    def write_and_load(data):
        (tmp_path / "sparse_encoder.pk").write_bytes(data)
        return load_published_sparse_encoder(tmp_path)

    return write_and_load


@pytest.fixture
def load_weight(tmp_path):
    """Function: the bytes of sparse_weight.pt -> w."""

    def write_and_load(data):
        (tmp_path / "sparse_weight.pt").write_bytes(data)
        return load_published_sparse_weight(tmp_path)

    return write_and_load


@pytest.fixture
def refused(tmp_path):
    """Function: load, bytes -> the message, without the path that it begins with."""

    def refuse(load, data):
        with pytest.raises(InputError) as raised:
            load(data)
        message = str(raised.value)
        where, _, what = message.partition(": ")
        assert pathlib.Path(where).parent == tmp_path
        assert len(message.splitlines()) == 1
        assert len(what) < 300
        return what

    return refuse


def as_old(vectorizer, kind="csr", suffix="matrix"):
    """Move the idf to where scikit-learn kept it until 1.4; the installed one would weigh all n-grams alike now."""
    idf = vars(vectorizer._tfidf).pop("idf_")
    make = sparse.diags if suffix == "matrix" else sparse.diags_array
    vectorizer._tfidf._idf_diag = make(idf, offsets=0, shape=(len(idf), len(idf)), format=kind)
    return vectorizer


def renamed(data, old, new):
    """Give a module another name; in protocol 4 and 5 the name's length and the frame's go with it."""
    assert old in data
    if data[1] < 4:
        return data.replace(b"c" + old + b"\n", b"c" + new + b"\n")
    counted = [b"\x8c" + bytes([len(name)]) + name for name in (old, new)]
    data = data.replace(*counted)
    assert data[2:3] == b"\x95"
    return data[:3] + struct.pack("<Q", len(data) - 11) + data[11:]


def same(encoder, vectorizer_idf, vocabulary, rows):
    return (
        encoder.vocabulary == vocabulary
        and np.array_equal(encoder.idf, vectorizer_idf)
        and np.array_equal(encoder.transform(TEXTS).toarray(), rows)
    )


@pytest.fixture
def expected(fitted):
    """What an encoder of the fitted vectorizer must be, by scikit-learn: idf (V,), vocabulary, rows (N, V)."""
    return fitted.idf_.copy(), dict(fitted.vocabulary_), fitted.transform(TEXTS).astype(np.float32).toarray()


# -- the fixtures of the project, which stand for the checkpoints on the Hub


@pytest.mark.parametrize("name", FIXTURES)
def test_the_sparse_answers_are_those_of_the_scikit_learn_that_wrote_it(name, shared_data):
    folder = shared_data / "fixtures" / name
    encoder = load_published_sparse_encoder(folder)
    answers = json.loads((folder / "expected_top5.json").read_text(encoding="utf-8"))
    lines = (folder / "dictionary.txt").read_text(encoding="utf-8").splitlines()
    rows = [tuple(line.split("||")) for line in lines]  # (id, name)
    dense = encoder.transform([name for _, name in rows]).toarray()  # (N, V)
    for mention, best in zip(answers["mentions"], answers["sparse"], strict=True):
        scores = dense @ encoder([mention])[0]  # (N,)
        order = np.argsort(-scores, kind="stable")[:5]
        assert [(rows[row][1], rows[row][0]) for row in order] == [(one["name"], one["id"]) for one in best]
        assert scores[order] == pytest.approx([one["score"] for one in best], abs=1e-4)


def test_both_protocols_give_the_same_encoder(shared_data):
    first, second = (load_published_sparse_encoder(shared_data / "fixtures" / name) for name in FIXTURES)
    assert first.vocabulary == second.vocabulary
    assert np.array_equal(first.idf, second.idf)


@pytest.mark.parametrize("name", FIXTURES)
def test_the_weight_is_the_one_that_was_trained(name, shared_data):
    answers = json.loads((shared_data / "fixtures" / name / "expected_top5.json").read_text(encoding="utf-8"))
    assert load_published_sparse_weight(shared_data / "fixtures" / name) == answers["sparse_weight"]


@pytest.mark.parametrize("name", FIXTURES)
def test_a_published_checkpoint_is_known_by_its_files(name, shared_data):
    assert is_published(shared_data / "fixtures" / name)


def test_a_folder_of_ours_is_not_a_published_one(tmp_path):
    assert not is_published(tmp_path)
    assert not is_published(tmp_path / "nowhere")
    (tmp_path / "sparse_encoder.pk").write_bytes(b"")
    assert is_published(tmp_path)
    (tmp_path / "biosyn.json").write_text("{}")  # both: the exported file lies beside our own
    assert not is_published(tmp_path)


# -- what old and new versions of Python, numpy, scipy and scikit-learn write


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_of_todays_scikit_learn_is_read(protocol, fitted, expected, load):
    assert same(load(pickle.dumps(fitted, protocol=protocol)), *expected)


@pytest.mark.parametrize(("kind", "protocol", "suffix", "module"), FORMS)
def test_the_idf_is_found_on_the_diagonal_of_any_sparse_matrix(kind, protocol, suffix, module, fitted, expected, load):
    data = pickle.dumps(as_old(fitted, kind, suffix), protocol=protocol)
    if module != MODULES[0]:  # old scipy and old numpy
        data = renamed(data, f"scipy.sparse._{kind}".encode(), f"scipy.sparse{module.format(kind)}".encode())
        for part in (b"multiarray", b"numeric"):
            if b"numpy._core." + part in data:
                data = renamed(data, b"numpy._core." + part, b"numpy.core." + part)
        assert b"numpy._core" not in data
    assert same(load(data), *expected)


def test_a_coo_matrix_of_old_scipy_is_read(fitted, expected, load):
    matrix = as_old(fitted, "coo")._tfidf._idf_diag
    rows, columns = vars(matrix).pop("coords")
    vars(matrix).update(row=rows, col=columns)
    assert same(load(pickle.dumps(fitted)), *expected)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_vectorizer_of_old_scikit_learn_is_read(protocol, fitted, expected, load):
    # it kept its weighting in the transformer alone, a set of what was cut, and the id() of the stop words
    for name in ("norm", "use_idf", "smooth_idf", "sublinear_tf"):
        del vars(fitted)[name]
    vars(fitted).update(stop_words_=set(), _stop_words_id=94_896_421_738_176)
    assert same(load(pickle.dumps(as_old(fitted), protocol=protocol)), *expected)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_set_that_is_not_empty_does_no_harm(protocol, fitted, expected, load):
    fitted.stop_words_ = {"a", "bc"}
    assert same(load(pickle.dumps(fitted, protocol=protocol)), *expected)


@pytest.mark.parametrize(("kind", "protocol"), [(np.int32, 2), (np.int64, 4)])
def test_columns_may_be_numpy_integers(kind, protocol, fitted, expected, load):
    fitted.vocabulary_ = {ngram: kind(column) for ngram, column in fitted.vocabulary_.items()}
    encoder = load(pickle.dumps(fitted, protocol=protocol))
    assert same(encoder, *expected)
    assert {type(column) for column in encoder.vocabulary.values()} == {int}


@pytest.mark.parametrize(("attribute", "protocol"), [("idf_", 2), ("_idf_diag", 4), ("idf_", 5), ("_idf_diag", 5)])
def test_numbers_may_be_of_the_other_byte_order(attribute, protocol, fitted, expected, load):
    if attribute == "idf_":
        vars(fitted._tfidf)["idf_"] = fitted.idf_.astype(">f8")
    else:
        matrix = as_old(fitted)._tfidf._idf_diag
        for name, kind in (("data", ">f8"), ("indices", ">i4"), ("indptr", ">i8")):
            vars(matrix)[name] = vars(matrix)[name].astype(kind)
    assert same(load(pickle.dumps(fitted, protocol=protocol)), *expected)


def test_weights_of_float32_are_read(fitted, expected, load):
    vars(fitted._tfidf)["idf_"] = fitted.idf_.astype(np.float32)
    assert np.array_equal(load(pickle.dumps(fitted)).idf, expected[0].astype(np.float32).astype(np.float64))


def test_an_array_that_is_a_view_is_read(fitted, expected, load):
    # not contiguous: numpy pickles it by _reconstruct in protocol 5 too
    vars(fitted._tfidf)["idf_"] = np.repeat(fitted.idf_, 2)[::2]
    assert same(load(pickle.dumps(fitted, protocol=5)), *expected)


def test_the_idf_may_be_there_twice(fitted, expected, load):
    idf = fitted.idf_.copy()
    as_old(fitted)._tfidf.__dict__["idf_"] = idf
    assert same(load(pickle.dumps(fitted)), *expected)


def test_smoothing_may_be_off_for_it_is_in_the_idf_already(fitted, expected, load):
    vars(fitted)["smooth_idf"] = vars(fitted._tfidf)["smooth_idf"] = False
    assert same(load(pickle.dumps(fitted)), *expected)


# -- a TF-IDF that is not BioSyn's


@pytest.mark.parametrize(
    ("setting", "value", "shown"),
    [
        ("analyzer", "word", "'word', BioSyn's is 'char'"),
        ("analyzer", "char_wb", "'char_wb', BioSyn's is 'char'"),
        ("ngram_range", (1, 3), "(1, 3), BioSyn's is (1, 2)"),
        ("ngram_range", (2, 2), "(2, 2), BioSyn's is (1, 2)"),
        ("ngram_range", (1, (2, 3)), "a tuple, BioSyn's is (1, 2)"),
        ("lowercase", False, "False, BioSyn's is True"),
        ("lowercase", 1, "1, BioSyn's is True"),
        ("binary", True, "True, BioSyn's is False"),
        ("strip_accents", "unicode", "'unicode', BioSyn's is None"),
        ("preprocessor", "x" * 1000, "a str, BioSyn's is None"),
        ("tokenizer", [], "a list, BioSyn's is None"),
        ("stop_words", "english", "'english', BioSyn's is None"),
        pytest.param("stop_words", 10**5000, "a int, BioSyn's is None", id="a number too long to print"),
        ("norm", "l1", "'l1', BioSyn's is 'l2'"),
        ("norm", None, "None, BioSyn's is 'l2'"),
        ("norm", "l2\n", r"'l2\n', BioSyn's is 'l2'"),
        ("norm", np.ndarray, "numpy.ndarray, BioSyn's is 'l2'"),
        ("norm", np.float64(2), "a numpy._core.multiarray.scalar, BioSyn's is 'l2'"),
        ("use_idf", False, "False, BioSyn's is True"),
        ("sublinear_tf", True, "True, BioSyn's is False"),
    ],
)
def test_another_setting_is_named_with_both_values(setting, value, shown, fitted, load, refused):
    vars(fitted)[setting] = value
    wanted = f"is a TF-IDF of another kind ({setting} is {shown}): give a checkpoint that BioSyn wrote"
    assert refused(load, pickle.dumps(fitted)) == wanted


@pytest.mark.parametrize(("setting", "value"), [("norm", "l1"), ("use_idf", False), ("sublinear_tf", True)])
def test_the_transformers_own_setting_counts_too(setting, value, fitted, load, refused):
    vars(fitted._tfidf)[setting] = value
    assert f"of another kind ({setting} is {value!r}, " in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("setting", ["analyzer", "lowercase"])
def test_a_missing_setting_is_named(setting, fitted, load, refused):
    del vars(fitted)[setting]
    assert refused(load, pickle.dumps(fitted)) == f"is damaged (the setting {setting} is missing): download it again"


@pytest.mark.parametrize("setting", ["norm", "use_idf", "sublinear_tf"])
def test_a_missing_setting_of_the_transformer_is_named(setting, fitted, load, refused):
    del vars(fitted._tfidf)[setting]
    assert refused(load, pickle.dumps(fitted)) == f"is damaged (the setting {setting} is missing): download it again"


def test_a_vectorizer_that_was_never_fitted_is_refused(load, refused):
    data = pickle.dumps(TfidfVectorizer(analyzer="char", ngram_range=(1, 2)))
    assert "it holds None in place of a TfidfTransformer" in refused(load, data)


# -- vocabulary and idf that do not fit


def without_the_last(vocabulary):
    return {ngram: column for ngram, column in vocabulary.items() if column < len(vocabulary) - 1}


def with_column_0(column):
    return lambda vocabulary: {ngram: old or column for ngram, old in vocabulary.items()}


def with_ngram_0(ngram):
    return lambda vocabulary: {old if column else ngram: column for old, column in vocabulary.items()}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (without_the_last, "not as many idf weights as n-grams"),
        (lambda vocabulary: {}, "the vocabulary is a dict"),
        (lambda vocabulary: [*vocabulary], "the vocabulary is a list"),
        (with_column_0(1), "columns are not 0 .. V - 1"),
        (with_column_0(-1), "columns are not 0 .. V - 1"),
        (with_column_0(10**30), "columns are not 0 .. V - 1"),
        (with_column_0(2**100_000), "columns are not 0 .. V - 1"),
        (with_column_0(1.5), "a number is 1.5"),
        (with_column_0(True), "a number is True"),
        (with_column_0("7"), "a number is '7'"),
        (with_column_0(np.float64(7)), "an array's type is 'f8', not one of i4 and i8"),
        (with_column_0(np.arange(1)), "a number is a numpy._core.multiarray._reconstruct"),
        (with_ngram_0(""), "not a character 1- or 2-gram"),
        (with_ngram_0("abc"), "not a character 1- or 2-gram"),
        (with_ngram_0("\ud800"), "not a character 1- or 2-gram"),
        (with_ngram_0(7), "a key is not a str"),
    ],
)
def test_a_wrong_vocabulary_is_refused(change, what, fitted, load, refused):
    fitted.vocabulary_ = change(fitted.vocabulary_)
    assert what in refused(load, pickle.dumps(fitted, protocol=4))


@pytest.mark.parametrize(
    ("attribute", "wrong"), [("idf_", 0.0), ("_idf_diag", -1.0), ("idf_", np.nan), ("_idf_diag", np.inf)]
)
def test_a_weight_that_is_no_positive_number_is_refused(attribute, wrong, fitted, load, refused):
    values = fitted._tfidf.idf_ if attribute == "idf_" else as_old(fitted)._tfidf._idf_diag.data
    values[3] = wrong
    assert "positive idf weights" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda idf: idf[:-1], "not as many idf weights as n-grams"),
        (lambda idf: np.append(idf, 1.0), "not as many idf weights as n-grams"),
        (lambda idf: None, "no idf weights"),
        (lambda idf: idf.tolist(), "an array is None"),
        (lambda idf: idf.astype(object), "an array's type is 'O8', not one of f4 and f8"),
        (lambda idf: idf.astype(np.int64), "an array's type is 'i8'"),
        (lambda idf: idf.astype(np.complex128), "an array's type is 'c16'"),
        (lambda idf: idf.astype(np.float16), "an array's type is 'f2'"),
        (lambda idf: idf.astype("S8"), "an array's type is 'S8'"),
        (lambda idf: idf.view([("a", "f8")]), "an array's type is 'V8'"),
        (lambda idf: idf[:, None], "an array's shape"),
        (lambda idf: idf[None, None], "an array's shape"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])  # numpy writes arrays in two ways
def test_wrong_weights_are_refused(protocol, change, what, fitted, load, refused):
    vars(fitted._tfidf)["idf_"] = change(fitted.idf_)
    assert what in refused(load, pickle.dumps(fitted, protocol=protocol))


def test_idf_and_idf_diag_must_agree(fitted, load, refused):
    idf = fitted.idf_.copy()
    idf[2] *= 1 + 1e-9
    as_old(fitted)._tfidf.__dict__["idf_"] = idf
    assert "its idf_ and _idf_diag differ" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia"])
def test_a_weight_beside_the_diagonal_is_refused(kind, fitted, load, refused):
    matrix = as_old(fitted)._tfidf._idf_diag.tolil()
    matrix[0, 1] = 1.0
    fitted._tfidf._idf_diag = matrix.asformat(kind)
    assert "_idf_diag is not a diagonal matrix" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("kind", KINDS)
def test_a_diagonal_that_lies_elsewhere_is_refused(kind, fitted, load, refused):
    size = len(as_old(fitted).vocabulary_)
    fitted._tfidf._idf_diag = sparse.diags(np.ones(size - 1), offsets=1, shape=(size, size), format=kind)
    assert "_idf_diag is not a diagonal matrix" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize(
    ("attribute", "value", "what"),
    [
        ("_shape", (3, 3), "not a matrix of"),
        ("_shape", None, "not a matrix of"),
        ("_shape", ((), ()), "a number is ()"),
        ("indices", None, "an array is None"),
        ("indptr", np.arange(3), "not a diagonal matrix"),
        ("data", None, "an array is None"),
        ("data", np.ones(3), "not as many idf weights"),
    ],
)
def test_a_sparse_matrix_whose_parts_do_not_fit_is_refused(attribute, value, what, fitted, load, refused):
    vars(as_old(fitted)._tfidf._idf_diag)[attribute] = value
    assert what in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("value", [7, "csr", [], np.ones(3), np.float64])
def test_an_idf_diag_that_is_no_matrix_is_refused(value, fitted, load, refused):
    as_old(fitted)._tfidf._idf_diag = value
    assert "_idf_diag is " in refused(load, pickle.dumps(fitted))


def test_an_array_must_be_as_long_as_its_bytes(fitted, load, refused):
    data = pickle.dumps(fitted, protocol=3)
    count = bytes([len(fitted.vocabulary_)])
    assert data.count(b"K" + count + b"\x85") == 1
    assert "an array's shape" in refused(
        load, data.replace(b"K" + count + b"\x85", b"\x8a\x08" + b"\x7f" * 8 + b"\x85")
    )


def test_a_state_given_to_numpy_float64_changes_nothing(fitted, load, refused):
    # BUILD on a class would set its attributes, for the whole program
    data = pickle.dumps(fitted, protocol=3)
    assert data.count(b"cnumpy\nfloat64\n") == 1
    state = b"N}X\x04\0\0\0spamK\x01s\x86b"
    assert "gives a state" in refused(load, data.replace(b"cnumpy\nfloat64\n", b"cnumpy\nfloat64\n" + state))
    assert not hasattr(np.float64, "spam")


# -- hostile pickles: each would make the file `mark`, or harm otherwise, if it ran


class Call:
    """Pickled, it is a call of the function; unpickled, the call is made."""

    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts

    def __call__(self):
        """There only for pickle to believe that what another call returns can be called."""


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def raw(body):
    return b"\x80\x02" + body + b"."


def call(name, *args):
    """The opcodes of a call; `name` is a module and an attribute, the arguments are text."""
    module, _, attribute = name.rpartition(" ")
    return b"c" + f"{module}\n{attribute}\n".encode() + b"(" + b"".join(map(text, args)) + b"tR"


def touching(mark):
    return f"open({str(mark)!r}, 'w').close()"


def inside(place):
    """Function: mark -> pickle of a vectorizer in which the place has put a call."""

    def make(mark):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(NAMES)
        place(vectorizer, Call(os.system, f"touch {mark}"))
        return pickle.dumps(vectorizer, protocol=4)

    return make


def attribute(name):
    return inside(lambda vectorizer, bad: vars(vectorizer).update({name: bad}))


def in_the_matrix(name):
    return inside(lambda vectorizer, bad: vars(as_old(vectorizer)._tfidf._idf_diag).update({name: bad}))


def object_array(bad):
    array = np.empty(1, dtype=object)
    array[0] = bad
    return array


GLOBALS_OF_A_VECTORIZER = (
    text("sklearn.feature_extraction.text") + text("TfidfVectorizer.__init__.__globals__") + b"\x93"
)
# these do run when unpickled: test_these_pickles_do_run_elsewhere
RUNNING = {
    "os.system": lambda mark: raw(call("os system", f"touch {mark}")),
    "posix.system": lambda mark: pickle.dumps(Call(os.system, f"touch {mark}")),
    "posix.system, protocol 5": lambda mark: pickle.dumps(Call(os.system, f"touch {mark}"), protocol=5),
    "os.system by INST": lambda mark: raw(b"(" + text(f"touch {mark}") + b"ios\nsystem\n"),
    "os.system by OBJ": lambda mark: raw(b"(cos\nsystem\n" + text(f"touch {mark}") + b"o"),
    "os.system by STACK_GLOBAL": lambda mark: raw(
        text("os") + text("system") + b"\x93" + text(f"touch {mark}") + b"\x85R"
    ),
    "os.path.os.system, dotted": lambda mark: (
        b"\x80\x04" + text("os") + text("path.os.system") + b"\x93" + text(f"touch {mark}") + b"\x85R."
    ),
    "builtins.eval": lambda mark: pickle.dumps(Call(eval, touching(mark))),
    "builtins.exec": lambda mark: pickle.dumps(Call(exec, touching(mark))),
    "__builtin__.eval": lambda mark: raw(call("__builtin__ eval", touching(mark))),
    "builtins.open": lambda mark: pickle.dumps(Call(open, str(mark), "w")),
    "io.open": lambda mark: raw(call("io open", str(mark), "w")),
    "subprocess.Popen": lambda mark: pickle.dumps(Call(subprocess.check_call, ["touch", str(mark)])),
    "pathlib.Path.touch, dotted": lambda mark: (
        b"\x80\x04" + text("pathlib") + text("Path.touch") + b"\x93cpathlib\nPath\n" + text(str(mark)) + b"\x85R\x85R."
    ),
    "numpy.save": lambda mark: pickle.dumps(Call(np.save, f"{mark}", np.zeros(1))),
    "runpy.run_path": lambda mark: pickle.dumps(Call(runpy.run_path, str(mark.with_suffix(".py")))),
    "functools.partial": lambda mark: pickle.dumps(Call(functools.partial(os.system, f"touch {mark}"))),
    "map over os.system": lambda mark: pickle.dumps(Call(list, Call(map, os.system, [f"touch {mark}"]))),
    "builtins.getattr of an import": lambda mark: pickle.dumps(
        Call(Call(getattr, Call(importlib.import_module, "os"), "system"), f"touch {mark}")
    ),
    "builtins.__import__": lambda mark: pickle.dumps(
        Call(Call(getattr, Call(builtins.__import__, "os"), "system"), f"touch {mark}")
    ),
    "builtins.eval in a vectorizer's globals, dotted": lambda mark: (
        b"\x80\x04cbuiltins\neval\n" + text(touching(mark)) + GLOBALS_OF_A_VECTORIZER + b"\x86R."
    ),
    "in vocabulary_": inside(lambda vectorizer, bad: vectorizer.vocabulary_.update(a=bad)),
    "as vocabulary_": attribute("vocabulary_"),
    "as _tfidf": attribute("_tfidf"),
    "as a setting": attribute("norm"),
    "as an attribute of no meaning": attribute("spam"),
    "in stop_words_": inside(lambda vectorizer, bad: vars(vectorizer).update(stop_words_={bad})),
    "in an object array": inside(lambda vectorizer, bad: vars(vectorizer._tfidf).update(idf_=object_array(bad))),
    "in an object array of no meaning": inside(lambda vectorizer, bad: vars(vectorizer).update(spam=object_array(bad))),
    "deep in an attribute of no meaning": inside(lambda vectorizer, bad: vars(vectorizer).update(spam=[{"a": (bad,)}])),
    "in _idf_diag's data": in_the_matrix("data"),
    "in _idf_diag's maxprint": in_the_matrix("maxprint"),
}
# these do no harm that can be seen, or other harm; opcodes and damage alone are in test_pickle_standins
OTHERS = {
    "a vectorizer's globals": lambda mark: b"\x80\x04" + GLOBALS_OF_A_VECTORIZER + b".",
    "copyreg._reconstructor": lambda mark: pickle.dumps(Call(copyreg._reconstructor, CountVectorizer, object, None)),
    "sklearn.pipeline.Pipeline": lambda mark: pickle.dumps(Pipeline([("a", "passthrough")])),
    "another vectorizer": lambda mark: pickle.dumps(CountVectorizer()),
    "another module's TfidfVectorizer": lambda mark: raw(b"cevil\nTfidfVectorizer\n)\x81}b"),
    "_codecs.encode as root": lambda mark: raw(call("_codecs encode", "a", "latin1")),
    "builtins.set as root": lambda mark: raw(b"cbuiltins\nset\n]\x85R"),
    "builtins.set with a state": lambda mark: raw(b"cbuiltins\nset\n]\x85R}" + text("__len__") + b"Nsb"),
    "__setstate__ in the state": lambda mark: raw(
        b"csklearn.feature_extraction.text\nTfidfVectorizer\n)\x81}" + text("__setstate__") + b"cnumpy\ndtype\nsb"
    ),
    "a state of slots": lambda mark: raw(
        b"csklearn.feature_extraction.text\nTfidfVectorizer\n)\x81N}" + text("__class__") + b"cnumpy\ndtype\ns\x86b"
    ),
    "FRAME of 0": lambda mark: b"\x80\x04\x95" + struct.pack("<Q", 0) + call("os system", f"touch {mark}") + b".",
    "100,000 states": lambda mark: raw(
        b"csklearn.feature_extraction.text\nTfidfVectorizer\nq\x00)\x81" + b"h\x00)\x81" * 100_000 + b"b" * 100_000
    ),
    "a deep n-gram range": lambda mark: raw(
        b"csklearn.feature_extraction.text\nTfidfVectorizer\n)\x81}" + text("_tfidf") + b"N" + b"\x85" * 100_000 + b"sb"
    ),
    "a hundred doublings of a vocabulary": inside(
        lambda vectorizer, bad: vars(vectorizer).update(vocabulary_=doubled({"a": 0}, 100))
    ),
    "a circle": lambda mark: raw(b"csklearn.feature_extraction.text\nTfidfVectorizer\n)\x81q\x00h\x00b"),
    "an array of 2**62 numbers": lambda mark: giant((2**62,)),
    "an array of 2**64 times 0 numbers": lambda mark: giant((2**64, 0)),
    "an empty file": lambda mark: b"",
    "a text file": lambda mark: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 10839\n",
    "a web page": lambda mark: b"<!DOCTYPE html><html><body>404</body></html>",
    "a zip": lambda mark: zipped({"a/data.pkl": raw(b"N")}),
    "a folder's worth of zeros": lambda mark: bytes(100_000),
    "None": lambda mark: pickle.dumps(None),
}
HOSTILE = RUNNING | OTHERS


def doubled(value, times):
    for _ in range(times):
        value = [value, value]
    return value


def giant(shape):
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(["a"])
    data = pickle.dumps(vectorizer, protocol=3)
    assert data.count(b"K\x01\x85q") == 1  # idf_ has shape (1,)
    lengths = pickle.dumps(shape, protocol=2)[2:-1].partition(b"q\x00")[0]
    return data.replace(b"K\x01\x85q", lengths + b"q")


def zipped(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def mark(tmp_path):
    """The file that a hostile pickle makes, if it can; its path has no blank or quote."""
    folder = tmp_path / "marks"
    folder.mkdir()
    (folder / "mark.py").write_text(touching(folder / "mark"))  # for runpy
    return folder / "mark"


@pytest.mark.parametrize("what", RUNNING)
@pytest.mark.filterwarnings("ignore")
def test_these_pickles_do_run_elsewhere(what, mark):
    with suppress(Exception):  # after the call, the wreck need not be a vectorizer
        pickle.loads(RUNNING[what](mark))
    assert len([*mark.parent.iterdir()]) == 2


@contextmanager
def peak_of():
    """Yield a list of one number, which at the end is the most memory, in bytes, that was held at a time."""
    peak = [0]
    tracemalloc.start()
    try:
        yield peak
        peak[0] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(what, mark, load, refused):
    data = HOSTILE[what](mark)
    # tracing a hundred thousand objects is slow; how memory grows with a pickle is tested in test_pickle_standins
    with peak_of() if len(data) < 100_000 else nullcontext([0]) as peak:
        message = refused(load, data)
    assert message.endswith((": download it again", ": it is not opened"))
    assert [*mark.parent.iterdir()] == [mark.with_suffix(".py")]
    assert peak[0] < 5_000_000 + 400 * len(data)


UNWANTED = """
    types CodeType, types FunctionType, builtins type, builtins bytearray, copyreg __newobj__, joblib load, torch load,
    torch.hub load, numpy load, numpy memmap, numpy zeros, numpy fromfile, numpy.core.multiarray array,
    numpy.core.multiarray fromfile, scipy.sparse load_npz, codecs decode, _codecs decode, sklearn TfidfVectorizer
"""


@pytest.mark.parametrize("name", [name.strip() for name in UNWANTED.split(",")])
def test_a_name_that_no_vectorizer_needs_is_refused(name, load, refused):
    wanted = f"the pickle asks for {name.replace(' ', '.')}, which no BioSyn checkpoint needs: it is not opened"
    assert refused(load, raw(call(name, "a"))) == wanted


@pytest.mark.parametrize(
    ("what", "asked"),
    [
        ("os.system", "os.system"),
        ("posix.system, protocol 5", "posix.system"),
        ("os.path.os.system, dotted", "os.path.os.system"),
        ("builtins.getattr of an import", "builtins.getattr"),
        ("in an object array", "posix.system"),
        ("in _idf_diag's maxprint", "posix.system"),
        ("sklearn.pipeline.Pipeline", "sklearn.pipeline.Pipeline"),
        ("a vectorizer's globals", "sklearn.feature_extraction.text.TfidfVectorizer.__init__.__globals__"),
    ],
)
def test_the_refusal_says_what_was_asked_for(what, asked, mark, load, refused):
    wanted = f"the pickle asks for {asked}, which no BioSyn checkpoint needs: it is not opened"
    assert refused(load, HOSTILE[what](mark)) == wanted


def test_a_huge_file_is_refused_before_it_is_read(load, refused, monkeypatch):
    monkeypatch.setattr(published, "LARGEST_ENCODER", 99)
    monkeypatch.setattr(published, "read_tree", None)  # is not got to
    assert refused(load, bytes(100)) == "is larger than 99 bytes, unlike any BioSyn checkpoint's: download it again"


def test_a_folder_without_the_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"lacks sparse_encoder\.pk"):
        load_published_sparse_encoder(tmp_path)
    with pytest.raises(InputError, match=r"lacks sparse_weight\.pt"):
        load_published_sparse_weight(tmp_path)


# -- the weight


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def on_cuda(data):
    """Rewrite a saved tensor as one that was on the first GPU."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in parts if name.endswith("data.pkl")]
    assert parts[name].count(text("cpu")) == 1
    return zipped({**parts, name: parts[name].replace(text("cpu"), text("cuda:0"))})


@pytest.mark.parametrize(
    "value",
    [torch.nn.Parameter(torch.tensor([4.25])), torch.tensor(4.25), torch.tensor([[4.25]], dtype=torch.float64)],
    ids=["Parameter", "scalar", "float64"],
)
@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "before 1.6"])
def test_a_weight_is_read_whatever_its_format(value, zip_format, load_weight):
    found = load_weight(saved(value, _use_new_zipfile_serialization=zip_format))
    assert type(found) is float
    assert found == 4.25


def test_a_weight_from_a_gpu_is_read_without_one(load_weight):
    data = on_cuda(saved(torch.nn.Parameter(torch.tensor([4.25]))))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="map_location"):  # the file does speak of a GPU
            torch.load(io.BytesIO(data), weights_only=True)
    assert load_weight(data) == 4.25


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([1.0, 2.0]),
        torch.tensor([]),
        torch.tensor([float("nan")]),
        torch.tensor([float("-inf")]),
        torch.tensor([1j]),
        torch.tensor([True]),
        torch.tensor([4]),
        4.25,
        [4.25],
        {"weight": torch.tensor([4.25])},
        None,
    ],
    ids=str,
)
def test_what_is_not_one_number_is_no_weight(value, load_weight, refused):
    assert refused(load_weight, saved(value)) == "is not one finite number, the sparse weight: download it again"


@pytest.mark.parametrize(
    "make",
    [
        lambda mark: saved(Call(os.system, f"touch {mark}")),
        lambda mark: saved(Call(os.system, f"touch {mark}"), _use_new_zipfile_serialization=False),
        lambda mark: raw(call("os system", f"touch {mark}")),
        lambda mark: saved(types.SimpleNamespace(a=1)),
        lambda mark: saved(torch.nn.Linear(1, 1)),
        lambda mark: saved(torch.empty(1, device="meta")),
        lambda mark: b"",
        lambda mark: b"version https://git-lfs.github.com/spec/v1\n",
        lambda mark: bytes(1000),
        lambda mark: zipped({"a": b""}),
        lambda mark: zipped({}),
        lambda mark: saved(torch.tensor([1.0]))[:-30],
    ],
    ids=[
        *("os.system", "os.system before 1.6", "os.system alone", "another class", "a module", "no data", "empty"),
        *("text", "zeros", "another zip", "an empty zip", "cut"),
    ],
)
def test_a_bad_weight_file_is_refused_in_one_line(make, mark, load_weight, refused, capfd):
    message = refused(load_weight, make(mark))
    assert message.endswith("): download it again")
    assert not mark.exists()
    assert capfd.readouterr() == ("", "")


def test_a_changed_bit_does_not_give_another_weight(load_weight, refused):
    data = saved(torch.nn.Parameter(torch.tensor([4.25])))
    number = struct.pack("<f", 4.25)
    assert data.count(number) == 1
    changed = data.replace(number, struct.pack("<f", 4.5))
    assert torch.load(io.BytesIO(changed), weights_only=True).item() == 4.5  # torch itself does not notice
    assert refused(load_weight, changed) == "cannot be read as a tensor (BadZipFile): download it again"


def test_a_huge_weight_file_is_refused(load_weight, refused):
    assert "is larger than 65536 bytes" in refused(load_weight, saved(torch.zeros(20_000)))


def test_reading_a_weight_warns_of_nothing(load_weight):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_weight(saved(torch.tensor([4.25]), _use_new_zipfile_serialization=False)) == 4.25


# -- mutations of good files


def mutated(data, edits):
    """Apply (what, where as a part of the length, byte): flip bits, insert, delete, cut."""
    data = bytearray(data)
    for what, part, byte in edits:
        place = min(int(part * len(data)), len(data) - 1)
        if not data:
            break
        if what == "flip":
            data[place] ^= byte or 1
        elif what == "set":
            data[place] = byte
        elif what == "insert":
            data.insert(place, byte)
        elif what == "delete":
            del data[place]
        else:
            del data[place:]
    return bytes(data)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "flip", "set", "insert", "delete", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)
FUZZ = settings(derandomize=True, deadline=None, database=None)


def good_encoders():
    for protocol in PROTOCOLS:
        new, old = (TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(["ab", "b c"]) for _ in range(2))
        yield pickle.dumps(new, protocol=protocol)
        yield pickle.dumps(as_old(old, KINDS[protocol - 2]), protocol=protocol)


def value_or_one_line(load, folder):
    """Return what the folder gives, or None if it gives an InputError, which has one line; all else is raised."""
    try:
        return load(folder)
    except InputError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    return None


@pytest.fixture(scope="module")
def spoiled_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("spoiled")


@settings(FUZZ, max_examples=500)
@given(good=st.sampled_from([*good_encoders()]), edits=EDITS)
@pytest.mark.filterwarnings("error")
def test_a_mutated_pickle_is_an_encoder_or_one_clear_error(good, edits, spoiled_folder):
    (spoiled_folder / "sparse_encoder.pk").write_bytes(mutated(good, edits))
    encoder = value_or_one_line(load_published_sparse_encoder, spoiled_folder)
    if encoder is not None:
        assert isinstance(encoder, SparseEncoder)
        assert encoder.transform(["ab"]).shape == (1, len(encoder.vocabulary))


def good_weights():
    weight = torch.nn.Parameter(torch.tensor([4.25]))
    return [saved(weight), saved(weight, _use_new_zipfile_serialization=False)]


@settings(FUZZ, max_examples=250)
@given(good=st.sampled_from(good_weights()), edits=EDITS)
@pytest.mark.filterwarnings("error")
def test_a_mutated_weight_is_a_number_or_one_clear_error(good, edits, spoiled_folder):
    (spoiled_folder / "sparse_weight.pt").write_bytes(mutated(good, edits))
    weight = value_or_one_line(load_published_sparse_weight, spoiled_folder)
    if weight is not None:
        assert type(weight) is float
        assert np.isfinite(weight)
