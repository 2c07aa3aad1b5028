"""The dictionary: the names a mention can be mapped to, and their concept ids."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from biosyn.concept_ids import split_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.records import Name

DRAFT_NAMES = 100


class DictionaryDataset:
    """The names of a dictionary file, in file order.

    Parameters
    ----------
    dictionary_path
        A file with a line ``cui||name`` each, UTF-8; blank lines are skipped.
    draft
        Keep the first hundred lines only.

    Attributes
    ----------
    names, cuis
        Two sequences of equal length N, not to be changed.
    sha256
        The sha256 of the file's bytes; None where the names are not those of the whole file.

    Raises
    ------
    InputError
        If the file cannot be read, holds no name, or a line is not ``cui||name`` (the line is named).
    """

    def __init__(self, dictionary_path: str | Path, draft: bool = False):
        self.path = Path(dictionary_path)
        names: list[str] = []
        cuis: list[str] = []
        same: dict[str, str] = {}  # the ids of a concept's names are one object
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
        self.sha256 = None if draft else digest.hexdigest()

    @classmethod
    def of_texts(
        cls, path: Path, names: Sequence[str], cuis: Sequence[str], *, sha256: str | None = None
    ) -> "DictionaryDataset":
        """Return the dictionary of a file whose names and ids are at hand."""
        dictionary = cls.__new__(cls)
        dictionary.path, dictionary.names, dictionary.cuis = path, names, cuis
        dictionary.sha256 = sha256
        return dictionary

    def with_names(self, names: Iterable[Name]) -> "DictionaryDataset":
        """Return a dictionary of other names that stands for the same file."""
        texts, cuis = zip(*names, strict=True)
        return DictionaryDataset.of_texts(self.path, texts, cuis)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Name:
        return Name(self.names[index], self.cuis[index])

    def __iter__(self) -> Iterator[Name]:
        return map(Name, self.names, self.cuis)


def require_names(dictionary: Sequence[Name] | DictionaryDataset, topk: int) -> None:
    """Refuse a ``topk`` larger than the dictionary.

    Raises
    ------
    InputError
        If there are fewer than ``topk`` names.
    """
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
    """Distinct names in order of first sight, each with the ids of every row it stands in.

    It iterates over the dictionary's lines, ``cui||name``.

    Examples
    --------
    >>> table = NameTable()
    >>> table.add("ataxia", ["D1"]); table.add("chorea", ["D2"]); table.add("ataxia", ["D3", "D1"])
    >>> list(table), table.homonyms
    (['D1|D3||ataxia', 'D2||chorea'], 1)
    """

    def __init__(self) -> None:
        # The tuple is the row's own, shared by all names of the row: a name costs its text and one slot.
        self._ids: dict[str, tuple[str, ...]] = {}
        self._homonyms: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return (f"{'|'.join(ids)}||{name}" for name, ids in self._ids.items())

    @property
    def homonyms(self) -> int:
        """How many names stand in two or more rows, rows of the same ids counted once."""
        return len(self._homonyms)

    def add(self, name: str, ids: Iterable[str]) -> None:
        """Add a cleaned name, or ids to a known one; an empty name is left out.

        Parameters
        ----------
        ids
            Of the row that the name stands in. A tuple is kept as it is: its ids must be distinct.
        """
        if not name:
            return
        row = ids if isinstance(ids, tuple) else tuple(dict.fromkeys(ids))
        known = self._ids.setdefault(name, row)
        if known != row:
            self._ids[name] = tuple(dict.fromkeys((*known, *row)))
            self._homonyms.add(name)

    def ids(self) -> frozenset[str]:
        """Return every single id of the table, those of a composite ``x+y`` apart."""
        fields = {cui for ids in self._ids.values() for cui in ids}
        return frozenset(cui for field in fields for cui in split_ids(field))

    def lines(self) -> list[str]:
        """Return the dictionary's lines at once."""
        return list(self)


def name_table(concepts: Iterable[Concept], clean: Callable[[str], str]) -> NameTable:
    """Clean every name of an ontology and merge the equal ones."""
    table = NameTable()
    for concept in concepts:
        for name in concept.names:
            table.add(clean(name), concept.ids)
    return table
