"""The table of ontology formats, and the function that reads a file of any of them."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.ctd import ctd_concepts
from biosyn.ontologies.gene_info import gene_info_concepts
from biosyn.ontologies.meddra import meddra_concepts
from biosyn.ontologies.medic import medic_concepts
from biosyn.ontologies.merge import merged_concepts
from biosyn.ontologies.mesh import mesh_concepts
from biosyn.ontologies.obo import obo_concepts
from biosyn.ontologies.obograph import obograph_concepts
from biosyn.ontologies.owl import owl_concepts
from biosyn.ontologies.snomed import snomed_concepts
from biosyn.ontologies.source import Source
from biosyn.ontologies.ssslm import ssslm_concepts
from biosyn.ontologies.table import table_concepts
from biosyn.ontologies.umls import umls_concepts

# A reader takes a Source, and its own options by keyword.
READERS: dict[str, Callable[..., Iterator[Concept]]] = {
    "medic": medic_concepts,
    "ctd": ctd_concepts,
    "meddra": meddra_concepts,
    "umls": umls_concepts,
    "obo": obo_concepts,
    "obograph": obograph_concepts,
    "owl": owl_concepts,
    "snomed": snomed_concepts,
    "mesh": mesh_concepts,
    "gene-info": gene_info_concepts,
    "ssslm": ssslm_concepts,
    "csv": partial(table_concepts, delimiter=","),
    "tsv": partial(table_concepts, delimiter="\t"),
}

# The vocabularies of a format's bare ids, the preferred one first; those of a format that is missing here are guessed:
# an OBO file has ids with prefixes, but MEDIC's are MeSH's and OMIM's, which our dictionaries write without.
BARE_IDS: dict[str, tuple[str, ...]] = {
    "meddra": ("MEDDRA",),
    "umls": ("UMLS",),
    "snomed": ("SNOMEDCT",),
    "mesh": ("MESH",),
    "gene-info": ("NCBIGene",),
}


def _options_of(reader: Callable[..., Any]) -> frozenset[str]:
    parameters = inspect.signature(reader).parameters.values()
    return frozenset(each.name for each in parameters if each.kind is each.KEYWORD_ONLY) - {"delimiter"}


# Every option of any format
OPTIONS = frozenset[str]().union(*map(_options_of, READERS.values()))


def read_ontology(
    format_name: str,
    paths: Iterable[str | Path],
    *,
    options: Mapping[str, Any],
    counts: ReadCounts,
    progress: bool = False,
) -> Iterator[Concept]:
    """Return an iterator over the concepts of files of one format, one file after the other.

    The concepts of a single file are streamed. Those of several are held in memory, because a concept that is in more
    than one of them is one concept (`merged_concepts`).

    Options and missing files are checked at once, what is in the files while they are read.

    Parameters
    ----------
    format_name
        A key of ``READERS``.
    options
        Arguments of the format's reader, by name.
    counts
        Counts everything that is left out.
    """
    reader = READERS[format_name]
    strange = sorted(set(options) - _options_of(reader))
    if strange:
        raise InputError(f"--{strange[0]} is not an option of the format '{format_name}'")
    sources = [Source(path, counts=counts, progress=progress) for path in paths]
    for source in sources:
        if not source.path.exists():
            raise InputError("no such file or folder", path=source.path)
    files = [reader(source, **options) for source in sources]
    return merged_concepts(files, counts) if len(files) > 1 else chain.from_iterable(files)
