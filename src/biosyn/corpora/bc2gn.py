"""BioCreative II gene normalization (Morgan et al. 2008): abstracts as text, and a list of the genes in each."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from biosyn.corpora.raw import find_span
from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.data.documents import Document, file_order, id_problem, query_problem
from biosyn.errors import InputError
from biosyn.files import read_lines, require_folder
from biosyn.records import Query

GENE_LISTS = {"train": "training.genelist", "test": "bc2GNtest.genelist"}
# The folder of the abstracts, next to the list; without it they are in the list's own folder
TEXT_FOLDERS = {"train": "trainingData", "test": "bc2GNtestdocs"}
TYPE = "Gene"

# document -> mention -> ids
_Genes = dict[str, dict[str, dict[str, None]]]


def read_bc2gn(raw_dir: str | Path, *, counts: ReadCounts) -> dict[str, list[Document]]:
    """Read both splits, wherever their gene lists are below ``raw_dir``; the corpus has no dev set.

    A mention that stands for several genes gets all their ids. The lists have no offsets: start and end are those of
    the mention's first occurrence in the abstract, or -1 if there is none.
    """
    lists = {split: _gene_list(raw_dir, name) for split, name in GENE_LISTS.items()}
    return {split: _read_split(path, _text_folder(path, split), counts) for split, path in lists.items()}


def _gene_list(raw_dir: str | Path, name: str) -> Path:
    found = sorted(require_folder(raw_dir).rglob(name))
    if len(found) != 1:
        how_many = f"holds {len(found)} files" if found else "holds no file"
        raise InputError(f"{how_many} {name}, one is needed: check --raw_dir", path=raw_dir)
    return found[0]


def _text_folder(gene_list: Path, split: str) -> Path:
    folder = gene_list.with_name(TEXT_FOLDERS[split])
    return folder if folder.is_dir() else gene_list.parent


def _read_split(gene_list: Path, text_folder: Path, counts: ReadCounts) -> list[Document]:
    texts = _texts(text_folder, counts)
    genes: _Genes = {}
    for number, line in read_lines(gene_list):
        if line.strip():
            with counts.entry():
                _add_genes(line, genes, texts, path=gene_list, number=number)
    return file_order(_document(pmid, text, genes.get(pmid, {}), counts) for pmid, text in texts.items())


def _texts(folder: Path, counts: ReadCounts) -> dict[str, str]:
    """Return document id -> text of the abstract; the id is the file's name."""
    texts = {}
    for path in sorted(folder.glob("*.txt")):
        with counts.entry():
            problem = id_problem(path.stem)
            if problem:
                raise BadEntryError("document ids that are no file name", problem, path=path)
            texts[path.stem] = "".join(f"{line}\n" for _, line in read_lines(path))
    if not texts:
        raise InputError("holds no abstracts (.txt)", path=folder)
    return texts


def _add_genes(line: str, genes: _Genes, texts: Mapping[str, str], *, path: Path, number: int) -> None:
    pmid, *rest = (field.strip() for field in line.split("\t"))
    if len(rest) < 2:
        message = f"expected pmid, id, mention (and more of them) with tabs between, found {line[:60]!r}"
        raise BadEntryError("lines without a mention", message, path=path, line=number)
    if pmid not in texts:
        raise BadEntryError("genes of a missing document", f"there is no {pmid[:40]}.txt", path=path, line=number)
    gene, mentions = rest[0], [mention for mention in rest[1:] if mention]
    problem = next(filter(None, (query_problem(Query(mention, gene)) for mention in mentions)), "")
    if problem:
        raise BadEntryError("mentions with a separator in them", problem, path=path, line=number)
    for mention in mentions:
        genes.setdefault(pmid, {}).setdefault(mention, {})[gene] = None


def _document(pmid: str, text: str, genes: Mapping[str, Iterable[str]], counts: ReadCounts) -> Document:
    queries = []
    for mention, ids in genes.items():
        start, end = find_span(mention, text, counts=counts)
        queries.append(Query(mention, "|".join(ids), pmid=pmid, start=start, end=end, type=TYPE))
    return Document(pmid, text, tuple(queries))
