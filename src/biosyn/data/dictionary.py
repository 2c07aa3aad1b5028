"""The dictionary: the names a mention can be mapped to, and their concept ids."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import split_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.records import Name
from biosyn.text.preprocess import lookup_text

DRAFT_NAMES = 100
Hashes = tuple[NDArray[np.int64], NDArray[np.int64]]  # of N texts, sorted, and the row of each
_LOOKUPS = ("_lookup", "_id_lookup")  # of a `DictionaryDataset`


class DictionaryDataset:
    """The names of a dictionary file, in file order.

    Parameters
    ----------
    dictionary_path
        A UTF-8 file of lines ``cui||name``; blank lines are skipped.
    draft
        Keep only the first hundred lines.

    Attributes
    ----------
    names, cuis
        Two sequences of equal length N.
    sha256
        The sha256 of the file's bytes; None if the names are not those of the whole file.
    """

    def __init__(self, dictionary_path: str | Path, draft: bool = False):
        self.path = Path(dictionary_path)
        names: list[str] = []
        cuis: list[str] = []
        same: dict[str, str] = {}  # names of one concept share one id string
        digest = hashlib.sha256()
        for number, line in read_lines(dictionary_path, digest=digest):
            if line.strip():
                name, cui = _parse_name(line, self.path, number)
                names.append(name)
                cuis.append(same.setdefault(cui, cui))
            if draft and len(names) == DRAFT_NAMES:
                break
        if not names:
            raise InputError("the dictionary is empty: expected lines 'cui||name'", path=dictionary_path)
        self.names: Sequence[str] = tuple(names)
        self.cuis: Sequence[str] = tuple(cuis)
        self.sha256: str | None = None if draft else digest.hexdigest()

    @classmethod
    def of_texts(
        cls, path: Path, names: Sequence[str], cuis: Sequence[str], *, sha256: str | None = None
    ) -> "DictionaryDataset":
        """Return the dictionary of a file whose names and ids are already known."""
        dictionary = cls.__new__(cls)
        dictionary.path, dictionary.names, dictionary.cuis = path, names, cuis
        dictionary.sha256 = sha256
        return dictionary

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("names", "cuis"):  # other names are not those of the file: its index must not answer for them
            super().__setattr__("sha256", None)
            for lookup in _LOOKUPS:
                self.__dict__.pop(lookup, None)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what depends on the process: Python's hashes of texts."""
        return {name: value for name, value in self.__dict__.items() if name not in _LOOKUPS}

    def with_names(self, names: Iterable[Name]) -> "DictionaryDataset":
        """Return a dictionary with other names and the same path."""
        texts, cuis = map(list, zip(*names, strict=True))
        return DictionaryDataset.of_texts(self.path, texts, cuis)

    @property
    def texts(self) -> Sequence[str]:
        """The names as they are looked up: the `lookup_text` of each."""
        return self.names if all(map(str.isascii, self.names)) else [lookup_text(name) for name in self.names]

    def rows_of(self, name: str) -> list[int]:
        """Return the rows whose `lookup_text` is a text, letter for letter, in file order; often none."""
        return [row for row in _rows_hashed(self._lookup, name) if lookup_text(self.names[row]) == name]

    def rows_of_id(self, cui: str, *, most: int) -> list[int]:
        """Return the rows of an id as the file writes it, ``D1|D2`` for one, in file order; at most so many."""
        return [row for row in _rows_hashed(self._id_lookup, cui)[:most] if self.cuis[row] == cui]

    @cached_property
    def _lookup(self) -> Hashes:
        return _hashes(map(lookup_text, self.names), len(self))

    @cached_property
    def _id_lookup(self) -> Hashes:
        return _hashes(self.cuis, len(self))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Name:
        return Name(self.names[index], self.cuis[index])

    def __iter__(self) -> Iterator[Name]:
        return map(Name, self.names, self.cuis)


def _hashes(texts: Iterable[str], count: int) -> Hashes:
    """Return the hashes of texts: 16 bytes a text, where a dict would take 100."""
    hashes = np.fromiter(map(hash, texts), dtype=np.int64, count=count)
    rows = np.argsort(hashes, kind="stable")
    return hashes[rows], rows


def _rows_hashed(lookup: Hashes, text: str) -> list[int]:
    """Return the rows of the texts that have the hash of a text: it is equal to them but for rare others."""
    hashes, rows = lookup
    value = hash(text)
    first, last = np.searchsorted(hashes, value), np.searchsorted(hashes, value, side="right")
    found: list[int] = rows[first:last].tolist()
    return found


def require_names(dictionary: Sequence[Name] | DictionaryDataset, topk: int) -> None:
    """Refuse a ``topk`` larger than the dictionary."""
    if topk > len(dictionary):
        where = dictionary.path if isinstance(dictionary, DictionaryDataset) else None
        raise InputError(f"--topk {topk} is larger than the dictionary ({len(dictionary)} names)", path=where)


def _parse_name(line: str, path: Path, number: int) -> Name:
    cui, separator, name = line.partition("||")
    cui, name = cui.strip(), name.strip()
    if not separator or not name or not split_ids(cui):
        raise InputError(f"expected 'cui||name', found '{line[:80]}'", path=path, line=number)
    return Name(name, cui)


class NameTable:
    """A dictionary while it is built: distinct names in order of appearance, each with the ids of all its rows.

    Iterating yields the dictionary's lines, ``cui||name``.

    Examples
    --------
    >>> table = NameTable()
    >>> table.add("ataxia", ["D1"]); table.add("chorea", ["D2"]); table.add("ataxia", ["D3", "D1"])
    >>> list(table), table.homonyms
    (['D1|D3||ataxia', 'D2||chorea'], 1)
    """

    def __init__(self) -> None:
        # All names of a row share one tuple of ids: a name takes its text and one slot.
        self._ids: dict[str, tuple[str, ...]] = {}
        self._homonyms: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return (f"{'|'.join(ids)}||{name}" for name, ids in self._ids.items())

    @property
    def homonyms(self) -> int:
        """The number of names in two or more rows; rows with the same ids count once."""
        return len(self._homonyms)

    def add(self, name: str, ids: Iterable[str]) -> None:
        """Add a cleaned name, or more ids for a known name; an empty name is ignored.

        Parameters
        ----------
        ids
            The ids of the name's row. A tuple is kept as it is, so its ids must be distinct.
        """
        if not name:
            return
        row = ids if isinstance(ids, tuple) else tuple(dict.fromkeys(ids))
        known = self._ids.setdefault(name, row)
        if known != row:
            self._ids[name] = tuple(dict.fromkeys((*known, *row)))
            self._homonyms.add(name)

    def ids(self) -> frozenset[str]:
        """Return every single id in the table; a composite ``x+y`` gives both x and y."""
        fields = {cui for ids in self._ids.values() for cui in ids}
        return frozenset(cui for field in fields for cui in split_ids(field))

    def lines(self) -> list[str]:
        """Return the dictionary's lines as a list."""
        return list(self)


def name_table(concepts: Iterable[Concept], clean: Callable[[str], str]) -> NameTable:
    """Return the table of an ontology's cleaned names, equal names merged."""
    table = NameTable()
    for concept in concepts:
        for name in concept.names:
            table.add(clean(name), concept.ids)
    return table
