"""The pickle reader on pickles put together opcode by opcode; test_published and test_published_hostile have files."""

import inspect
import io
import pickle
import pickletools
import struct
import tracemalloc
import warnings

import numpy as np
import pytest

from biosyn.checkpoint.pickle_reader import OPCODES, Made, Name, TreeError, _Reader, read_tree

PROTOCOLS = [2, 3, 4, 5]
ALLOWED = {"numpy.ndarray", "builtins.set", "builtins.getattr"}
PLAIN = {
    "text": ["a", "β\n", "", "x" * 300],
    "numbers": [0, -1, 255, 256, 70_000, -(2**40), 2**100, 1.5, float("inf")],
    "others": [None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "nested": {"a": {"b": [[], {}]}, "c": ({"d": (1,)},)},
}

# the opcodes that no TfidfVectorizer needs, each with an argument that it can be parsed with
FOREIGN_OPCODES = {
    "INT": b"I1\n",
    "LONG": b"L1L\n",
    "FLOAT": b"F1.0\n",
    "STRING": b"S'a'\n",
    "BINSTRING": b"T\x01\0\0\0a",
    "SHORT_BINSTRING": b"U\x01a",
    "UNICODE": b"Va\n",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"\x98",
    "LIST": b"(l",
    "DICT": b"(d",
    "FROZENSET": b"(\x91",
    "POP": b"N0",
    "DUP": b"N2",
    "POP_MARK": b"(1",
    "GET": b"g0\n",
    "PUT": b"Np0\n",
    "EXT1": b"\x82\x01",
    "EXT2": b"\x83\x01\0",
    "EXT4": b"\x84\x01\0\0\0",
    "INST": b"(ios\nsystem\n",
    "OBJ": b"(cnumpy\nndarray\no",
    "NEWOBJ_EX": b"cnumpy\nndarray\n)}\x92",
    "PERSID": b"P1\n",
    "BINPERSID": b"NQ",
}


def pickled(body):
    return b"\x80\x02" + body + b"."


def read(body):
    return read_tree(pickled(body), ALLOWED)


def refusal(data, allowed=ALLOWED):
    with pytest.raises(TreeError) as raised:
        read_tree(data, allowed)
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 300
    return message


# -- what is read


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_as_they_are(protocol):
    assert read_tree(pickle.dumps(PLAIN, protocol=protocol), ()) == PLAIN


@pytest.mark.parametrize(("protocol", "size"), [(3, 0), (3, 300), (4, 1), (5, 300)])
def test_bytes_come_as_they_are(protocol, size):
    assert read_tree(pickle.dumps(b"\xff" * size, protocol=protocol), ()) == b"\xff" * size


def test_a_bytearray_comes_as_bytes():
    assert read_tree(pickle.dumps(bytearray(b"abc"), protocol=5), ()) == b"abc"


def test_a_pickle_of_several_frames_is_read():
    values = {"a": ["x" * 70_000, "y" * 70_000], "b": [*range(70_000)]}
    data = pickle.dumps(values, protocol=4)
    assert [opcode.name for opcode, _, _ in pickletools.genops(data)].count("FRAME") > 1
    assert read_tree(data, ()) == values


def test_a_set_of_protocol_4_comes_as_a_list():
    assert sorted(read_tree(pickle.dumps({"a", "b"}, protocol=4), ())) == ["a", "b"]


def test_a_set_of_protocol_3_comes_as_a_recorded_call():
    tree = read_tree(pickle.dumps({"a"}, protocol=3), ALLOWED)
    assert (tree.name, tree.args, tree.state) == ("builtins.set", (["a"],), None)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_name_comes_as_a_name(protocol):
    tree = read_tree(pickle.dumps(np.ndarray, protocol=protocol), ALLOWED)
    assert isinstance(tree, Name)
    assert tree.path == "numpy.ndarray"


@pytest.mark.parametrize("opcode", [b"R", b"\x81"], ids=["REDUCE", "NEWOBJ"])
def test_a_call_comes_as_a_record_with_its_state(opcode):
    tree = read(b"cnumpy\nndarray\nK\x01\x85" + opcode + b"}b")
    assert isinstance(tree, Made)
    assert (tree.name, tree.args, tree.state) == ("numpy.ndarray", (1,), {})


def test_nothing_is_called_even_when_the_name_is_allowed():
    # getattr("", "nothing") would raise
    tree = read(b"cbuiltins\ngetattr\nX\0\0\0\0X\x07\0\0\0nothing\x86R")
    assert (tree.name, tree.args) == ("builtins.getattr", ("", "nothing"))


def test_what_the_pickle_shares_is_shared_and_a_state_comes_later():
    # x is put into the memo before it has a state; the result is (x, x)
    first, second = read(b"cnumpy\nndarray\n)\x81q\x07K\x01bh\x07\x86")
    assert first is second
    assert first.state == 1


def test_a_circle_stays_one():
    tree = read(b"]q\x00h\x00a")
    assert tree[0] is tree


# -- what is refused


def test_the_private_class_of_the_standard_library_is_as_the_reader_needs_it():
    # undocumented, and unchanged since Python 3.4: a Python in which it differs must fail here, not misread files
    reader = pickle._Unpickler(io.BytesIO(b"\x80\x04]\x94."))
    assert reader.load() == []
    assert (reader.stack, reader.metastack, type(reader.memo)) == ([], [], dict)
    assert callable(reader.append)
    assert callable(reader.pop_mark)
    assert set(reader.dispatch) == {ord(opcode.code) for opcode in pickletools.opcodes}
    assert inspect.isfunction(pickle._Unpickler.find_class)


def test_the_reader_has_the_permitted_opcodes_only_and_replaces_the_powerful_ones():
    assert set(_Reader.dispatch) == {ord(opcode.code) for opcode in pickletools.opcodes if opcode.name in OPCODES}
    changed = {code for code, load in _Reader.dispatch.items() if load is not pickle._Unpickler.dispatch[code]}
    powerful = (pickle.REDUCE, pickle.NEWOBJ, pickle.BUILD, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_SET)
    assert changed == {code[0] for code in (*powerful, pickle.ADDITEMS, pickle.BYTEARRAY8)}


def test_every_opcode_of_the_standard_library_is_read_or_refused_on_purpose():
    assert {opcode.name for opcode in pickletools.opcodes} == OPCODES | set(FOREIGN_OPCODES)


@pytest.mark.parametrize("name", FOREIGN_OPCODES)
def test_a_foreign_opcode_is_refused_by_name(name):
    message = refusal(pickled(FOREIGN_OPCODES[name]))
    assert message == f"the pickle holds {name}, which no BioSyn checkpoint needs: it is not opened"


ASKED = {
    "GLOBAL": (b"cos\nsystem\n", "os.system"),
    "STACK_GLOBAL": (b"\x8c\x02os\x8c\x06system\x93", "os.system"),
    "an attribute, GLOBAL": (b"cnumpy\nndarray.__class__\n", "numpy.ndarray.__class__"),
    "an attribute, STACK_GLOBAL": (b"\x8c\x05numpy\x8c\x11ndarray.__class__\x93", "numpy.ndarray.__class__"),
    "no module": (b"\x8c\x00\x8c\x0dnumpy.ndarray\x93", ".numpy.ndarray"),
    "a blank": (b"cnumpy ndarray\nx\n", "numpy ndarray.x"),
    "a line's end": (b"\x8c\x06numpy\n\x8c\x07ndarray\x93", r"numpy\n.ndarray"),
    "a Cyrillic letter": (b"\x8c\x06num\xd1\x80y\x8c\x07ndarray\x93", r"num\u0440y.ndarray"),
    "full-width letters": (
        b"\x8c\x0f" + "ｎｕｍｐｙ".encode() + b"\x8c\x07ndarray\x93",
        r"\uff4e\uff55\uff4d\uff50\uff59.ndarray",
    ),
    "a NUL": (b"\x8c\x06numpy\0\x8c\x07ndarray\x93", r"numpy\x00.ndarray"),
    "a right-to-left override": (b"\x8c\x08numpy\xe2\x80\xae\x8c\x07ndarray\x93", r"numpy\u202e.ndarray"),
    "a lone surrogate": (b"\x8c\x08numpy\xed\xa0\x80\x8c\x07ndarray\x93", r"numpy\ud800.ndarray"),
}


@pytest.mark.parametrize(("body", "asked"), ASKED.values(), ids=ASKED)
def test_a_name_that_is_not_allowed_is_refused_by_name(body, asked):
    message = refusal(pickled(body))
    assert message == f"the pickle asks for {asked}, which no BioSyn checkpoint needs: it is not opened"


def test_an_allowed_path_cut_elsewhere_is_another_name():
    # attribute "b.C" of module "a" is looked up step by step; class "C" of module "a.b" is not
    cut = b"\x8c\x01a\x8c\x03b.C\x93"
    assert "asks for a.b.C" in refusal(pickled(cut), {"a.b.C"})


def test_a_name_with_a_backslash_is_refused_whether_or_not_warnings_are_errors():
    # pickletools resolves the escapes of a GLOBAL, which an unpickler does not, and warns about unknown ones
    with warnings.catch_warnings():
        for action in ("ignore", "error"):
            warnings.simplefilter(action)
            refusal(pickled(b"cnumpy\\w\nndarray\n"))


def test_a_long_name_is_cut():
    refusal(pickled(b"cos\n" + b"x" * 10_000 + b"\n"))  # refusal checks the length of the message


DAMAGED = {
    "nothing at all": b"",
    "text": b"hello, I am no pickle\n",
    "protocol 0": pickle.dumps([1], protocol=0),
    "protocol 1": pickle.dumps([1], protocol=1),
    "protocol 6": b"\x80\x06N.",
    "no STOP": b"\x80\x02N",
    "nothing left at STOP": pickled(b""),
    "two things left at STOP": pickled(b"NN"),
    "a mark left at STOP": pickled(b"(N"),
    "a mark and something left at STOP": pickled(b"N("),
    "bytes after STOP": pickled(b"N") + b"\0",
    "two pickles": pickled(b"N") * 2,
    "an unknown opcode": pickled(b"\xff"),
    "a cut argument": b"\x80\x02X\x05\0\0\0abc",
    "text that is not UTF-8": pickled(b"X\x01\0\0\0\xff"),
    "a name that is not UTF-8": pickled(b"\x8c\x06numpy\xe2\x8c\x07ndarray\x93"),
    "a name that is not ASCII": pickled(b"cnum\xd1\x80y\nndarray\n"),
    "a negative length": pickled(b"\x8b\xff\xff\xff\xff"),
    "8 EB of bytes": pickled(b"\x8e" + struct.pack("<Q", 2**60) + b"abc"),
    "8 EB of text": pickled(b"\x8d" + struct.pack("<Q", 2**60) + b"abc"),
    "more bytes than a machine has addresses": pickled(b"\x96" + struct.pack("<Q", 2**64 - 1) + b"abc"),
    "4 GB of text": pickled(b"X" + b"\xff" * 4),
    "an int of 2 GB": pickled(b"\x8b" + struct.pack("<i", 2**31 - 1)),
    "a frame longer than the file": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
    "an int of 5000 digits": pickled(b"I" + b"9" * 5000 + b"\n"),
    "nothing to put in the memo": pickled(b"q\x00"),
    "nothing to memoize": pickled(b"\x94"),
    "nothing in the memo": pickled(b"h\x05"),
    "nothing in the far memo": pickled(b"j\xff\xff\xff\xff"),
    "no mark": pickled(b"t"),
    "no mark for items": pickled(b"]Ne"),
    "an empty stack": pickled(b"\x85"),
    "one of two": pickled(b"N\x86"),
    "a tuple across a mark": pickled(b"N(\x85"),
    "append to a dict": pickled(b"}Na"),
    "append to a tuple": pickled(b")Na"),
    "append to nothing": pickled(b"Na"),
    "items for a list": pickled(b"]X\x01\0\0\0aNs"),
    "a key without a value": pickled(b"}(X\x01\0\0\0au"),
    "a key that is an int": pickled(b"}K\x01Ns"),
    "a key that cannot be hashed": pickled(b"}]Ns"),
    "a deep key": pickled(b"}N" + b"\x85" * 100_000 + b"Ns"),
    "a key of a hundred doublings": pickled(b"}N" + b"q\x00h\x00\x86" * 100 + b"Ns"),
    "a key that is a huge int": pickled(b"}\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000 + b"Ns"),
    "a key that is a name": pickled(b"}cnumpy\nndarray\nNs"),
    "call a text": pickled(b"X\x01\0\0\0a)R"),
    "call a record": pickled(b"cnumpy\nndarray\n)R)R"),
    "call with a list": pickled(b"cnumpy\nndarray\n]R"),
    "call with a text": pickled(b"cnumpy\nndarray\nX\x01\0\0\0aR"),
    "a new object of a text": pickled(b"X\x01\0\0\0a)\x81"),
    "a name of numbers": pickled(b"K\x01K\x02\x93"),
    "a name of names": pickled(b"cnumpy\nndarray\ncnumpy\nndarray\n\x93"),
    "a state for a class": pickled(b"cnumpy\nndarray\nN}X\x0c\0\0\0__setstate__Ns\x86b"),
    "a state for a dict": pickled(b"}}b"),
    "a second state": pickled(b"cnumpy\nndarray\n)R}b}b"),
    "a state without anything": pickled(b"}b"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damage_is_one_clear_error(what):
    message = refusal(DAMAGED[what])
    assert message.startswith("is damaged (")
    assert message.endswith("): download it again")


def test_every_cut_of_a_good_pickle_is_damage():
    data = pickle.dumps({"a": [1, 2.5, ("b", b"c")], "d": {"e"}}, protocol=4)
    for length in range(len(data)):
        assert "is damaged" in refusal(data[:length])


# -- time and memory grow with the pickle only


@pytest.fixture
def peak():
    """Function: call -> its result, or None if it raises a TreeError, and its peak of memory, in bytes."""

    def measure(call):
        tracemalloc.start()
        try:
            try:
                tree = call()
            except TreeError:
                tree = None
            return tree, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


def test_a_far_memo_slot_costs_nothing(peak):
    far = struct.pack("<I", 2**32 - 1)
    tree, size = peak(lambda: read(b"K\x07r" + far + b"j" + far + b"\x86"))
    assert tree == (7, 7)
    assert size < 100_000


@pytest.mark.parametrize("opcode", [b"]", b"}"], ids=["list", "dict"])
def test_doubling_a_thing_a_thousand_times_costs_nothing(opcode, peak):
    body = opcode + b"q\x01h\x01\x86" * 1000
    tree, size = peak(lambda: read(body))
    assert tree[0] is tree[1]
    assert size < 1_000_000


GROWING = {
    "tuples": (b"N", b"\x85", b""),
    "lists": (b"]q\x00", b"]q\x01h\x00aq\x00", b""),
    "records": (b"cnumpy\nndarray\nq\x00)", b"q\x01h\x00h\x01\x85R", b""),
    "states": (b"cnumpy\nndarray\nq\x00(", b"h\x00)R", b"t"),
    "sets": (b"\x8f(", b"N\x85", b"\x90"),
    "marks": (b"", b"(", b""),
    "dicts": (b"(", b"}", b"t"),
    "memo": (b"N", b"\x94", b""),
    "frames": (b"", b"\x95" + bytes(8), b"N"),
    "bytearrays": (b"(", b"\x96" + bytes(8), b"t"),
    "one large tuple for many calls": (b"(" + b"N" * 20_000 + b"tq\x00cnumpy\nndarray\nq\x01(", b"h\x01h\x00R", b"t"),
    "one large dict for many states": (
        b"}q\x00(" + b"".join(b"X\x05\0\0\0%05dN" % number for number in range(5000)) + b"ucnumpy\nndarray\nq\x01(",
        b"h\x01)Rh\x00b",
        b"t",
    ),
}


@pytest.mark.parametrize("what", GROWING)
def test_the_memory_is_at_most_a_constant_times_the_pickle(what, peak):
    start, step, end = GROWING[what]
    body = start + step * 10_000 + end
    _, size = peak(lambda: read(body))
    assert size < 400 * len(body)


@pytest.mark.parametrize("what", ["tuples", "lists", "records"])
def test_a_hundred_thousand_levels_are_read_and_freed(what):
    start, step, _ = GROWING[what]
    with pytest.raises(TreeError, match="does not leave exactly one value"):
        read(b"N" + start + step * 100_000)


def test_a_deep_tree_can_be_the_result():
    tree, levels = read(b"N" + b"\x85" * 100_000), 0
    while tree is not None:
        (tree,), levels = tree, levels + 1
    assert levels == 100_000


def test_a_set_of_what_would_hash_slowly_is_read():
    tree = read(b"\x8f(N" + b"q\x00h\x00\x86" * 100 + b"\x90")
    assert type(tree) is list
