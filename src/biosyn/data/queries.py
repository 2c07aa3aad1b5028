"""Queries: the annotated mentions in a folder of ``.concept`` files."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.concept_ids import NO_CONCEPT, is_composite, split_ids
from biosyn.errors import InputError
from biosyn.files import read_lines, require_folder
from biosyn.records import Query, split_mention
from biosyn.text.preprocess import lookup_text

DRAFT_QUERIES = 10


class QueryDataset:
    """The queries of a folder, in sorted order of the file names; a mention that is not ASCII is cleaned.

    Parameters
    ----------
    data_dir
        A folder of ``*.concept`` files with lines ``pmid||start|end||type||mention||cui``.
    filter_composite
        Leave out queries with more than one id.
    filter_cuiless
        Leave out queries whose id is ``-1``.
    filter_duplicate
        Keep only the first query of each (mention, id) pair, after the other filters.
    draft
        Keep only the first ten queries.
    """

    def __init__(
        self,
        data_dir: str | Path,
        filter_composite: bool = False,
        filter_duplicate: bool = False,
        filter_cuiless: bool = False,
        draft: bool = False,
    ):
        queries = [query._replace(mention=_mention(query)) for query in read_queries(data_dir)]
        if filter_composite:
            queries = [query for query in queries if not is_composite(query.cui)]
        if filter_cuiless:
            queries = [query for query in queries if NO_CONCEPT not in split_ids(query.cui)]
        if filter_duplicate:
            firsts: dict[tuple[str, str], Query] = {}
            for query in queries:
                firsts.setdefault((query.mention, query.cui), query)
            queries = list(firsts.values())
        if not queries:
            raise InputError("no query is left after the filters: check the folder and the filter flags", path=data_dir)
        self.queries = queries[:DRAFT_QUERIES] if draft else queries

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: int) -> Query:
        return self.queries[index]

    def __iter__(self) -> Iterator[Query]:
        return iter(self.queries)


def _mention(query: Query) -> str:
    """Return the mention; if it is not ASCII, with its parts clean, as the dictionary's names are looked up."""
    return query.mention if query.mention.isascii() else "|".join(map(lookup_text, split_mention(query)))


def query_files(data_dir: Path) -> list[Path]:
    """Return the files of a folder that hold queries, in sorted order."""
    return sorted(data_dir.glob("*.concept"))


def read_queries(data_dir: str | Path) -> list[Query]:
    """Return every query of a folder, in sorted order of the file names."""
    paths = query_files(require_folder(data_dir))
    if not paths:
        raise InputError("holds no .concept file: give a folder such as processed_train", path=data_dir)
    queries = [_parse_query(line, path, number) for path in paths for number, line in read_lines(path) if line.strip()]
    if not queries:
        raise InputError("its .concept files hold no query", path=data_dir)
    return queries


def _parse_query(line: str, path: Path, number: int) -> Query:
    fields = [field.strip() for field in line.split("||")]
    if len(fields) == 6 and "|" not in fields[1]:  # corpora have both `start||end` and `start|end`
        fields[1:3] = [f"{fields[1]}|{fields[2]}"]
    if len(fields) != 5:
        raise InputError(f"expected 'pmid||start|end||type||mention||cui', found '{line[:80]}'", path=path, line=number)
    pmid, span, kind, mention, cui = fields
    if not mention or not split_ids(cui):
        raise InputError(f"the mention or its id is empty in '{line[:80]}'", path=path, line=number)
    start, _, end = span.partition("|")
    return Query(mention=mention, cui=cui, pmid=pmid, start=start, end=end, type=kind)
