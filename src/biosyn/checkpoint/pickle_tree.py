"""A pickle read as data: its opcodes build plain values and records, and nothing in it is ever called or imported.

An unpickler that refuses unknown names in ``find_class`` would still obey the rest of the program: BUILD sets
attributes of whatever it is given, the permitted class itself too, and a put into a far memo slot allocates up to it
(9 bytes of pickle, 1.5 GB of memory). Here the memo is a dict, and BUILD writes down a state beside the name.
"""

import pickletools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

PROTOCOLS = range(2, 6)
FRAME_HEADER = 9  # bytes: the opcode and the frame's length
DAMAGED = "download it again"


class TreeError(ValueError):
    """The bytes are no pickle that can be read as data; the message is one line that ends in what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A class or function that the pickle names, ``module.name``; it is not looked up."""

    path: str


@dataclass(slots=True, eq=False)
class Made:
    """What the pickle would have made by calling ``name`` with ``args``, and then given the ``state``."""

    name: str
    args: tuple[Any, ...]
    state: Any = None


def read_tree(data: bytes, allowed: Collection[str]) -> object:
    r"""Return what a pickle of protocol 2 to 5 describes, as inert data.

    The result is made of None, bool, int, float, str, bytes, tuple, list, dict with keys that are str, and of `Name`
    and `Made`. A set becomes a list. Parts that the pickle shares are shared, a circle stays a circle, and nesting may
    be of any depth: who walks the result must know where to stop.

    Parameters
    ----------
    data
        The whole pickle.
    allowed
        The names, ``module.name``, that it may speak of.

    Raises
    ------
    TreeError
        If it speaks of another name, holds an opcode of another kind, or is damaged.

    Examples
    --------
    >>> read_tree(b"\x80\x02}X\x01\x00\x00\x00aK\x07s.", allowed=())
    {'a': 7}
    >>> read_tree(b"\x80\x02cos\nsystem\n.", allowed=())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    biosyn.checkpoint.pickle_tree.TreeError: the pickle asks for os.system, which no BioSyn checkpoint needs: ...
    """
    machine, end = _Machine(allowed), 0
    for name, argument, position in _opcodes(data):
        try:
            machine.run(name, argument, position)
        except _FaultError as fault:
            raise _damaged(f"{name} at byte {position}: {fault}") from None
        if name == "FRAME" and position + FRAME_HEADER + argument > len(data):
            raise _damaged("it ends in the middle")
        end = position + 1
    if end != len(data):
        raise _damaged("bytes follow its end")
    return machine.result()


class _FaultError(Exception):
    """An opcode that finds something else than it needs."""


def _damaged(what: str) -> TreeError:
    return TreeError(f"is damaged ({what}): {DAMAGED}")


def _opcodes(data: bytes) -> Iterator[tuple[str, Any, int]]:
    """Yield (name, argument, position) up to STOP."""
    if data[:1] != b"\x80":
        raise _damaged("it is no pickle of protocol 2 to 5")
    opcodes = pickletools.genops(data)
    while True:
        try:
            opcode, argument, position = next(opcodes)
        except StopIteration:
            return
        # an unknown opcode, an argument cut short, text not UTF-8; a name's odd escapes are a warning, or an error (-W)
        except (ValueError, OverflowError, Warning) as error:
            reason = ascii(str(error).partition("\n")[0][:100])[1:-1]
            raise _damaged(reason) from error
        assert position is not None  # bytes always have one
        yield opcode.name, argument, position


class _Machine:
    """The unpickler's stack, marks and memo; the items above the last mark are the stack, the rest wait."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed
        self._stack: list[Any] = []
        self._waiting: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def result(self) -> object:
        """Return the value that STOP has left."""
        return self._stack[0]

    def run(self, opcode: str, argument: Any, position: int) -> None:
        """Do one opcode; the common ones come first."""
        match opcode:
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8":
                self._stack.append(argument)
            case "BININT1" | "BININT2" | "BININT" | "LONG1" | "LONG4" | "BINFLOAT":
                self._stack.append(argument)
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._top()
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._top()
            case "BINGET" | "LONG_BINGET":
                if argument not in self._memo:
                    raise _FaultError("nothing was put there")
                self._stack.append(self._memo[argument])
            case "SHORT_BINBYTES" | "BINBYTES" | "BINBYTES8" | "BYTEARRAY8":
                self._stack.append(bytes(argument))
            case "NONE":
                self._stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                self._stack.append(opcode == "NEWTRUE")
            case "EMPTY_TUPLE":
                self._stack.append(())
            case "EMPTY_LIST" | "EMPTY_SET":  # its items might not be hashable, or hash slowly
                self._stack.append([])
            case "EMPTY_DICT":
                self._stack.append({})
            case "MARK":
                self._waiting.append(self._stack)
                self._stack = []
            case "TUPLE":
                items = self._pop_to_mark()  # and only now the stack is the one to append to
                self._stack.append(tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(reversed([self._pop() for _ in range(int(opcode[-1]))])))
            case "APPEND":
                self._extend([self._pop()])
            case "APPENDS" | "ADDITEMS":
                self._extend(self._pop_to_mark())
            case "SETITEM":
                value = self._pop()
                self._update([self._pop(), value])
            case "SETITEMS":
                self._update(self._pop_to_mark())
            case "GLOBAL":
                module, _, name = argument.partition(" ")
                self._name(module, name)
            case "STACK_GLOBAL":
                name = self._pop()
                self._name(self._pop(), name)
            case "NEWOBJ" | "REDUCE":
                self._make()
            case "BUILD":
                self._build()
            case "PROTO":
                if position or argument not in PROTOCOLS:
                    raise _FaultError(f"protocol {argument} is not one of 2 to 5")
            case "FRAME":
                pass
            case "STOP":
                if len(self._stack) != 1 or self._waiting:
                    raise _FaultError("it does not leave one value")
            case _:
                raise TreeError(f"the pickle holds {opcode}, which no BioSyn checkpoint needs: it is not opened")

    def _top(self) -> Any:
        if not self._stack:
            raise _FaultError("the stack is empty")
        return self._stack[-1]

    def _pop(self) -> Any:
        top = self._top()
        del self._stack[-1]
        return top

    def _pop_to_mark(self) -> list[Any]:
        if not self._waiting:
            raise _FaultError("there is no mark")
        items, self._stack = self._stack, self._waiting.pop()
        return items

    def _extend(self, items: list[Any]) -> None:
        if type(self._top()) is not list:
            raise _FaultError("there is no list")
        self._stack[-1].extend(items)

    def _update(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if type(self._top()) is not dict or len(keys) != len(values):
            raise _FaultError("there is no dict, or a key without its value")
        if not all(type(key) is str for key in keys):
            raise _FaultError("a key is not a str")
        self._stack[-1].update(zip(keys, values, strict=True))

    def _name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise _FaultError("a name is not a str")
        path = f"{module}.{name}"
        # with a dot in the name, an unpickler would go from attribute to attribute
        if path not in self._allowed or "." in name:
            shown = ascii(path[:100])[1:-1]
            raise TreeError(f"the pickle asks for {shown}, which no BioSyn checkpoint needs: it is not opened")
        self._stack.append(Name(path))

    def _make(self) -> None:
        args, name = self._pop(), self._pop()
        if type(name) is not Name or type(args) is not tuple:
            raise _FaultError("it calls what is not a name, or with what are not arguments")
        self._stack.append(Made(name.path, args))

    def _build(self) -> None:
        state, made = self._pop(), self._top()
        if type(made) is not Made or made.state is not None:
            raise _FaultError("it gives a state to what cannot have one, or a second one")
        made.state = state
