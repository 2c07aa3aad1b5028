"""Hostile and mutated files of a published checkpoint: nothing in them runs, and each gives one clear error.

Pickles put together opcode by opcode are in test_pickle_standins.
"""

import functools
import importlib
import io
import os
import pickle
import struct
import tracemalloc
import types
import zipfile
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from biosyn.checkpoint.published import load_published_sparse_encoder, load_published_sparse_weight
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError

# -- pickles that would make the file `mark`, or do other harm, if they were unpickled


class Call:
    """An object that is pickled as a call of the function, which is made when it is unpickled."""

    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts

    def __call__(self):
        """Make pickle accept the result of a call as a function."""


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def raw(body):
    return b"\x80\x02" + body + b"."


def call(name, *args):
    """Return the opcodes of a call; `name` is a module and an attribute, the arguments are text."""
    module, _, attribute = name.rpartition(" ")
    return b"c" + f"{module}\n{attribute}\n".encode() + b"(" + b"".join(map(text, args)) + b"tR"


def touching(mark):
    return f"open({str(mark)!r}, 'w').close()"


def inside(place):
    """Return a function: mark -> pickle of a vectorizer into which ``place`` has put a call."""

    def make(mark):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(
            ["ataxia telangiectasia", "breast cancer"]
        )
        place(vectorizer, Call(os.system, f"touch {mark}"))
        return pickle.dumps(vectorizer, protocol=4)

    return make


def old_vectorizer(vectorizer, kind="csr"):
    """Move the idf to where scikit-learn kept it until 1.4."""
    idf = vars(vectorizer._tfidf).pop("idf_")
    vectorizer._tfidf._idf_diag = sparse.diags(idf, format=kind)
    return vectorizer


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
    "__builtin__.eval": lambda mark: raw(call("__builtin__ eval", touching(mark))),
    "pathlib.Path.touch, dotted": lambda mark: (
        b"\x80\x04" + text("pathlib") + text("Path.touch") + b"\x93cpathlib\nPath\n" + text(str(mark)) + b"\x85R\x85R."
    ),
    "functools.partial": lambda mark: pickle.dumps(Call(functools.partial(os.system, f"touch {mark}"))),
    "builtins.getattr of an import": lambda mark: pickle.dumps(
        Call(Call(getattr, Call(importlib.import_module, "os"), "system"), f"touch {mark}")
    ),
    "builtins.eval in a vectorizer's globals, dotted": lambda mark: (
        b"\x80\x04cbuiltins\neval\n" + text(touching(mark)) + GLOBALS_OF_A_VECTORIZER + b"\x86R."
    ),
    "in vocabulary_": inside(lambda vectorizer, bad: vectorizer.vocabulary_.update(a=bad)),
    "as _tfidf": inside(lambda vectorizer, bad: vars(vectorizer).update(_tfidf=bad)),
    "in stop_words_": inside(lambda vectorizer, bad: vars(vectorizer).update(stop_words_={bad})),
    "in an object array": inside(lambda vectorizer, bad: vars(vectorizer._tfidf).update(idf_=object_array(bad))),
    "deep in an attribute of no meaning": inside(lambda vectorizer, bad: vars(vectorizer).update(spam=[{"a": (bad,)}])),
    "in _idf_diag's maxprint": inside(
        lambda vectorizer, bad: vars(old_vectorizer(vectorizer)._tfidf._idf_diag).update(maxprint=bad)
    ),
}
# these make no file; they do other harm, or none
OTHERS = {
    "a vectorizer's globals": lambda mark: b"\x80\x04" + GLOBALS_OF_A_VECTORIZER + b".",
    "sklearn.pipeline.Pipeline": lambda mark: pickle.dumps(Pipeline([("a", "passthrough")])),
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
    "a text file": lambda mark: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 10839\n",
    "a web page": lambda mark: b"<!DOCTYPE html><html><body>404</body></html>",
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
    """The file that a hostile pickle makes when it runs; its path has no blank or quote."""
    return tmp_path / "mark"


@pytest.mark.parametrize("what", RUNNING)
@pytest.mark.filterwarnings("ignore")
def test_these_pickles_do_run_in_an_unpickler(what, mark):
    with suppress(Exception):  # after the call, the rest need not be a valid vectorizer
        pickle.loads(RUNNING[what](mark))
    assert mark.exists()


@contextmanager
def peak_of():
    """Yield a list of one number, which at the end is the peak of memory, in bytes."""
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
    # tracing 100,000 objects is slow; test_pickle_standins tests how memory grows with a pickle
    with peak_of() if len(data) < 100_000 else nullcontext([0]) as peak:
        message = refused(load, data)
    assert message.endswith((": download it again", ": it is not opened"))
    assert not mark.exists()
    assert peak[0] < 5_000_000 + 400 * len(data)


@pytest.mark.parametrize(
    "name",
    [
        "types CodeType",
        "builtins type",
        "builtins bytearray",
        "copyreg __newobj__",
        "torch load",
        "numpy load",
        "numpy.core.multiarray fromfile",
        "scipy.sparse load_npz",
        "_codecs decode",
        "sklearn TfidfVectorizer",
    ],
)
def test_a_name_that_no_vectorizer_needs_is_refused(name, load, refused):
    wanted = f"the pickle asks for {name.replace(' ', '.')}, which no BioSyn checkpoint needs: it is not opened"
    assert refused(load, raw(call(name, "a"))) == wanted


@pytest.mark.parametrize(
    ("what", "asked"),
    [
        ("os.system", "os.system"),
        ("os.path.os.system, dotted", "os.path.os.system"),
        ("builtins.getattr of an import", "builtins.getattr"),
        ("in an object array", "posix.system"),
        ("sklearn.pipeline.Pipeline", "sklearn.pipeline.Pipeline"),
        ("a vectorizer's globals", "sklearn.feature_extraction.text.TfidfVectorizer.__init__.__globals__"),
    ],
)
def test_the_refusal_says_what_was_asked_for(what, asked, mark, load, refused):
    wanted = f"the pickle asks for {asked}, which no BioSyn checkpoint needs: it is not opened"
    assert refused(load, HOSTILE[what](mark)) == wanted


# -- bad weight files


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda mark: saved(Call(os.system, f"touch {mark}")),
        lambda mark: saved(Call(os.system, f"touch {mark}"), _use_new_zipfile_serialization=False),
        lambda mark: raw(call("os system", f"touch {mark}")),
        lambda mark: saved(types.SimpleNamespace(a=1)),
        lambda mark: saved(torch.empty(1, device="meta")),
        lambda mark: b"",
        lambda mark: b"version https://git-lfs.github.com/spec/v1\n",
        lambda mark: zipped({"a": b""}),
        lambda mark: saved(torch.tensor([1.0]))[:-30],
    ],
    ids=[
        *("os.system", "os.system before 1.6", "os.system alone", "another class", "no data", "empty"),
        *("text", "another zip", "cut"),
    ],
)
def test_a_bad_weight_file_is_refused_in_one_line(make, mark, load_weight, refused, capfd):
    message = refused(load_weight, make(mark))
    assert message.endswith("): download it again")
    assert not mark.exists()
    assert capfd.readouterr() == ("", "")


# -- mutations of good files


def mutated(data, edits):
    """Apply each edit (what, position as a fraction of the length, byte): flip, set, insert, delete or cut."""
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
    for protocol, kind in ((2, "csr"), (3, "csc"), (4, "dia"), (5, "coo")):
        new, old = (TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(["ab", "b c"]) for _ in range(2))
        yield pickle.dumps(new, protocol=protocol)
        yield pickle.dumps(old_vectorizer(old, kind), protocol=protocol)


def value_or_one_line(load, folder):
    """Return what ``load`` gives, or None for an InputError of one line; any other error is raised."""
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
