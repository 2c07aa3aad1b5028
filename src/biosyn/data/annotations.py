"""How often each concept, and each name with each concept, was annotated: what a model knows about homonyms."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from biosyn.concept_ids import NO_CONCEPT, split_ids
from biosyn.records import Query, split_mention
from biosyn.text.preprocess import TextPreprocess


@dataclass(frozen=True)
class Annotations:
    """Counts of annotated mentions.

    Attributes
    ----------
    concepts
        Id -> the number of mentions that were annotated with it, alone or among others.
    names
        Cleaned name -> id -> the number of mentions of that name with this id alone.
    """

    concepts: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, queries: Iterable[Query]) -> "Annotations":
        """Count the annotations of a corpus; repeated queries count each time, and ``-1`` never does.

        Examples
        --------
        >>> found = Annotations.of([Query("Ataxia", "D1"), Query("ataxia", "D2"), Query("a|b", "D1|D3")])
        >>> found.concepts, found.names
        ({'D1': 2, 'D2': 1, 'D3': 1}, {'ataxia': {'D1': 1, 'D2': 1}})
        """
        clean = TextPreprocess().run
        concepts: Counter[str] = Counter()
        names: dict[str, Counter[str]] = {}
        for query in queries:
            ids = list(dict.fromkeys(cui for cui in split_ids(query.cui) if cui != NO_CONCEPT))
            concepts.update(ids)
            if len(ids) == 1 and len(split_mention(query)) == 1:
                names.setdefault(clean(query.mention), Counter()).update(ids)
        return cls(dict(concepts), {name: dict(counts) for name, counts in names.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of the checkpoint's ``annotations.json``, sorted, so that equal counts give equal files."""
        names = {name: dict(sorted(counts.items())) for name, counts in sorted(self.names.items())}
        return {"concepts": dict(sorted(self.concepts.items())), "names": names}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Annotations":
        """Return the counts of what `to_json` returns.

        Raises
        ------
        KeyError, TypeError, ValueError
            If ``values`` is anything else.
        """
        names = {str(name): _counts(counts) for name, counts in dict(values["names"]).items()}
        return cls(_counts(values["concepts"]), names)


def _counts(values: Any) -> dict[str, int]:
    found = dict(values)
    if not all(isinstance(key, str) and type(count) is int and count > 0 for key, count in found.items()):
        raise ValueError("a count is not a whole number above 0")
    return found
