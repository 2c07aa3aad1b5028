"""Read a pickle as data: plain values, and stand-ins for its classes and objects; nothing is called or imported.

The standard library's unpickler in Python parses the file, since the one in C allocates a memo up to the slot that a
pickle names. Opcodes that could run code or change a class are replaced: names, calls and states are only recorded.
An allowlist of classes would not be enough: BUILD sets attributes of a class itself, hashing a deep tuple as a key
overflows the C stack, and hashing nested tuples that each hold the one before twice takes exponential time.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

# The opcodes of a pickled TfidfVectorizer, in protocols 2 to 5.
OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_SET", "ADDITEMS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("GLOBAL", "STACK_GLOBAL", "NEWOBJ", "REDUCE", "BUILD"),
}
DAMAGED = "download it again"


class TreeError(ValueError):
    """The bytes are not a pickle that can be read as data; the message is one line that ends with what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """The stand-in for a class or function, ``module.name``, which is not looked up."""

    path: str


@dataclass(slots=True, eq=False)
class Made:
    """The stand-in for the object that calling ``name`` with ``args`` would make, with the ``state`` it would get."""

    name: str
    args: tuple[Any, ...]
    state: Any = None


def read_tree(data: bytes, allowed: Collection[str]) -> object:
    r"""Return the contents of a pickle of protocol 2 to 5 as inert data.

    The result consists of None, bool, int, float, str, bytes, tuple, list, dict with str keys, `Name` and `Made`.
    A set becomes a list. Shared parts stay shared, cycles stay cycles, and nesting can have any depth: code that walks
    through the result must limit its own depth.

    Parameters
    ----------
    data
        The whole pickle.
    allowed
        The names, ``module.name``, that the pickle may contain.

    Raises
    ------
    TreeError
        If the pickle contains another name or an opcode not in `OPCODES`, or is damaged.

    Examples
    --------
    >>> read_tree(b"\x80\x02}X\x01\x00\x00\x00aK\x07s.", allowed=())
    {'a': 7}
    >>> read_tree(b"\x80\x02cos\nsystem\n.", allowed=())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    biosyn.checkpoint.pickle_reader.TreeError: the pickle asks for os.system, which no BioSyn checkpoint needs: ...
    """
    try:
        _check_opcodes(data)
        reader = _Reader(data, allowed)
        tree = reader.load()
        if reader.stack or reader.metastack:
            raise ValueError("it does not leave exactly one value")
    except TreeError:
        raise
    except Exception as error:  # on damage, the unpickler raises errors of any type
        reason = str(error).partition("\n")[0][:100] or type(error).__name__
        raise TreeError(f"is damaged ({ascii(reason)[1:-1]}): {DAMAGED}") from error
    return tree


def _check_opcodes(data: bytes) -> None:
    """Refuse data that is not one whole pickle of `OPCODES`, and wrong lengths, which the unpickler would trust."""
    if data[:1] != b"\x80":
        raise ValueError("it is not a pickle of protocol 2 to 5")
    end = 0
    for opcode, _, position in pickletools.genops(data):
        if opcode.name not in OPCODES:
            raise TreeError(f"the pickle holds {opcode.name}, which no BioSyn checkpoint needs: it is not opened")
        assert position is not None  # always set for bytes
        end = position + 1
    if end != len(data):
        raise ValueError("bytes follow its end")


_LOAD = pickle._Unpickler.dispatch


class _Reader(pickle._Unpickler):
    """The standard library's unpickler, with no opcode that calls, imports or hashes, or changes more than its data."""

    # attributes of the base class, which does not declare them
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: bytes, allowed: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Name:
        """Return the stand-in for an allowed name."""
        path = f"{module}.{name}"
        # an unpickler would resolve a dotted name attribute by attribute
        if path not in self._allowed or "." in name:
            shown = ascii(path[:100])[1:-1]
            raise TreeError(f"the pickle asks for {shown}, which no BioSyn checkpoint needs: it is not opened")
        return Name(path)

    def _load_made(self) -> None:
        args, name = self.stack.pop(), self.stack.pop()
        if type(name) is not Name or type(args) is not tuple:
            raise ValueError("it calls something that is not a name, or without a tuple of arguments")
        self.append(Made(name.path, args))

    def _load_state(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if type(made) is not Made or made.state is not None:
            raise ValueError("it gives a state to something that cannot have one, or a second state")
        made.state = state

    def _load_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key], [value])

    def _load_items(self) -> None:
        items = self.pop_mark()
        self._update(items[::2], items[1::2])

    def _update(self, keys: list[Any], values: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or not all(type(key) is str for key in keys):
            raise ValueError("a key is not a str, or belongs to no dict")
        self.stack[-1].update(zip(keys, values, strict=True))

    # last, since it refers to the methods above
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{ord(opcode.code): _LOAD[ord(opcode.code)] for opcode in pickletools.opcodes if opcode.name in OPCODES},
        pickle.NEWOBJ[0]: _load_made,
        pickle.REDUCE[0]: _load_made,
        pickle.BUILD[0]: _load_state,
        pickle.SETITEM[0]: _load_item,
        pickle.SETITEMS[0]: _load_items,
        pickle.EMPTY_SET[0]: _LOAD[pickle.EMPTY_LIST[0]],
        pickle.ADDITEMS[0]: _LOAD[pickle.APPENDS[0]],
        pickle.BYTEARRAY8[0]: _LOAD[pickle.BINBYTES8[0]],
    }
