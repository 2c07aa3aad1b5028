"""The files of published checkpoints, old and new, and damaged values in them; test_published_hostile has attacks."""

import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from biosyn.checkpoint import published
from biosyn.checkpoint.published import is_published, load_published_sparse_encoder, load_published_sparse_weight
from biosyn.errors import InputError

NAMES = ["ataxia telangiectasia", "breast cancer", "sjögren syndrome", "β thalassemia"]
TEXTS = ["ATAXIAS", "cancer of breast", "βx", "zzz 7", ""]
FIXTURES = ["legacy-checkpoint", "legacy-checkpoint-py37"]
PROTOCOLS = [2, 3, 4, 5]
MULTIARRAY = np.ndarray(0).__reduce__()[0].__module__  # numpy._core.multiarray, or numpy.core.multiarray before 2.0
KINDS = ["csr", "csc", "dia", "coo"]
MODULES = ["._{}", ".{}", ""]  # of scipy from 1.8 on, until 1.7, and as the export writes it
# each kind with each protocol; suffixes and modules alternate
FORMS = [
    (kind, protocol, ("matrix", "array")[(i + j) % 2], MODULES[(i + j) % 3])
    for i, kind in enumerate(KINDS)
    for j, protocol in enumerate(PROTOCOLS)
]


@pytest.fixture
def fitted():
    """A TfidfVectorizer fitted as in BioSyn by the installed scikit-learn, a new one for each test."""
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(NAMES)


def as_old(vectorizer, kind="csr", suffix="matrix"):
    """Move the idf to where scikit-learn kept it until 1.4; the installed version would ignore it there."""
    idf = vars(vectorizer._tfidf).pop("idf_")
    make = sparse.diags if suffix == "matrix" else sparse.diags_array
    vectorizer._tfidf._idf_diag = make(idf, offsets=0, shape=(len(idf), len(idf)), format=kind)
    return vectorizer


def renamed(data, old, new):
    """Rename a module in a pickle; in protocols 4 and 5 the lengths of the name and of the frame change too."""
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
    """The encoder that the fitted vectorizer must give, by scikit-learn: idf (V,), vocabulary, rows (N, V)."""
    return fitted.idf_.copy(), dict(fitted.vocabulary_), fitted.transform(TEXTS).astype(np.float32).toarray()


# -- two small checkpoints in the layouts of those on the Hub


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
    # it kept the weighting settings in the transformer only, a set of dropped terms, and the id() of the stop words
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


def test_smoothing_may_be_off_since_the_idf_is_smoothed_already(fitted, expected, load):
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
        ("norm", np.float64(2), f"a {MULTIARRAY}.scalar, BioSyn's is 'l2'"),
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


@pytest.mark.parametrize(
    ("part", "setting"), [("vectorizer", "analyzer"), ("vectorizer", "lowercase"), ("transformer", "norm")]
)
def test_a_missing_setting_is_named(part, setting, fitted, load, refused):
    del vars(fitted if part == "vectorizer" else fitted._tfidf)[setting]
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
        (with_column_0(2**100_000), "columns are not 0 .. V - 1"),
        (with_column_0(1.5), "a number is 1.5"),
        (with_column_0(True), "a number is True"),
        (with_column_0("7"), "a number is '7'"),
        (with_column_0(np.float64(7)), "an array's type is 'f8', not one of i4 and i8"),
        (with_column_0(np.arange(1)), f"a number is a {MULTIARRAY}._reconstruct"),
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
    ("protocol", "change", "what"),  # numpy writes arrays in one way up to protocol 4, in another in 5
    [
        (2, lambda idf: idf[:-1], "not as many idf weights as n-grams"),
        (5, lambda idf: np.append(idf, 1.0), "not as many idf weights as n-grams"),
        (2, lambda idf: None, "no idf weights"),
        (5, lambda idf: idf.tolist(), "an array is None"),
        (5, lambda idf: idf.astype(object), "an array's type is 'O8', not one of f4 and f8"),
        (2, lambda idf: idf.astype(np.int64), "an array's type is 'i8'"),
        (5, lambda idf: idf.astype(np.complex128), "an array's type is 'c16'"),
        (2, lambda idf: idf.astype(np.float16), "an array's type is 'f2'"),
        (5, lambda idf: idf.astype("S8"), "an array's type is 'S8'"),
        (2, lambda idf: idf.view([("a", "f8")]), "an array's type is 'V8'"),
        (2, lambda idf: idf[:, None], "an array's shape"),
        (5, lambda idf: idf[:, None], "an array's shape"),
        (2, lambda idf: idf[None, None], "an array's shape"),
    ],
)
def test_wrong_weights_are_refused(protocol, change, what, fitted, load, refused):
    vars(fitted._tfidf)["idf_"] = change(fitted.idf_)
    assert what in refused(load, pickle.dumps(fitted, protocol=protocol))


def test_idf_and_idf_diag_must_agree(fitted, load, refused):
    idf = fitted.idf_.copy()
    idf[2] *= 1 + 1e-9
    as_old(fitted)._tfidf.__dict__["idf_"] = idf
    assert "its idf_ and _idf_diag differ" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("kind", ["csr", "coo", "dia"])
def test_a_weight_beside_the_diagonal_is_refused(kind, fitted, load, refused):
    matrix = as_old(fitted)._tfidf._idf_diag.tolil()
    matrix[0, 1] = 1.0
    fitted._tfidf._idf_diag = matrix.asformat(kind)
    assert "_idf_diag is not a diagonal matrix" in refused(load, pickle.dumps(fitted))


@pytest.mark.parametrize("kind", ["csc", "coo", "dia"])
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


@pytest.mark.parametrize("value", [7, [], np.ones(3), np.float64])
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


def test_a_huge_file_is_refused_before_it_is_read(load, refused, monkeypatch):
    monkeypatch.setattr(published, "LARGEST_ENCODER", 99)
    monkeypatch.setattr(published, "read_tree", None)  # not reached
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
    cpu, cuda = b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            part = before.read(name)
            assert part.count(cpu) == name.endswith("data.pkl")
            after.writestr(name, part.replace(cpu, cuda))
    return out.getvalue()


PARAMETER = torch.nn.Parameter(torch.tensor([4.25]))


@pytest.mark.parametrize(
    ("value", "zip_format"),  # torch had no zip format before 1.6
    [
        (PARAMETER, True),
        (PARAMETER, False),
        (torch.tensor(4.25), False),
        (torch.tensor([[4.25]], dtype=torch.float64), True),
    ],
    ids=["Parameter", "Parameter before 1.6", "scalar before 1.6", "float64"],
)
def test_a_weight_is_read_whatever_its_format(value, zip_format, load_weight):
    found = load_weight(saved(value, _use_new_zipfile_serialization=zip_format))
    assert type(found) is float
    assert found == 4.25


def test_a_weight_from_a_gpu_is_read_without_one(load_weight):
    data = on_cuda(saved(PARAMETER))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="map_location"):  # torch does look for a GPU
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
        torch.tensor([4]),
        4.25,
        {"weight": torch.tensor([4.25])},
        None,
    ],
    ids=str,
)
def test_what_is_not_one_number_is_no_weight(value, load_weight, refused):
    assert refused(load_weight, saved(value)) == "is not one finite number, the sparse weight: download it again"


def test_a_changed_bit_does_not_give_another_weight(load_weight, refused):
    data = saved(PARAMETER)
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
