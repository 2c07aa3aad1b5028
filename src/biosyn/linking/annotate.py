"""The verb of inference.py --text: texts without mentions in, the names of the dictionary in them, linked, out."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.errors import InputError
from biosyn.files import json_text, open_binary
from biosyn.linking.file import best_links
from biosyn.linking.file_settings import file_cleaner, finder_of
from biosyn.linking.loading import open_linker
from biosyn.linking.steps import LinkTexts, link_at_once
from biosyn.mention_files.added_columns import CONCEPT, ID, NAME, PROBABILITY, SCORE, Link, added_fields, added_texts
from biosyn.mention_files.units import NOT_UTF8, Mention, Unit, decoded
from biosyn.model.linker import Linker
from biosyn.places import Inputs
from biosyn.settings.verbs import TextConfig
from biosyn.text.abbreviations import AbbreviationFinder
from biosyn.text.spans import Span
from biosyn.writing import write_lines

logger = logging.getLogger(__name__)
NOTICE = "spans are names of the dictionary as a text search finds them, not those of a trained recognizer"
TYPE = "Concept"  # of a mention: a dictionary says none


class Annotated(NamedTuple):
    """A name found in a text, and its link."""

    span: Span
    link: Link


def annotate(
    text: str, linker: Linker, find_abbreviations: AbbreviationFinder, link: LinkTexts, *, most: int | None = None
) -> list[Annotated]:
    """Return the dictionary's names in a document, each linked as a mention of that document.

    Parameters
    ----------
    find_abbreviations
        Finds the short forms that the document defines.
    link
        Clean texts -> the best link of each.
    most
        The names that may be found; None: any number.

    Raises
    ------
    InputError
        If there are more, `find_abbreviations` cannot take the text, or the extra ``text`` is not installed.
    """
    cleaner = file_cleaner(find_abbreviations, is_name=linker.is_name)
    spans = linker.name_finder.spans(text, cleaner.abbreviations(text))
    if most is not None and len(spans) > most:
        raise InputError(f"the text has more than {most:,} names: give a part of it, or use inference.py --text")
    mentions = tuple(Mention(text[start:end], "the text") for start, end in spans)
    step = link_at_once([Unit(mentions, lambda links: b"", text)], cleaner, link)
    return [Annotated(span, one) for span, one in zip(spans, step.links, strict=True) if one]


def annotate_files(config: TextConfig) -> dict[str, Any]:
    """Run inference.py --text: write the annotations of each file, which is one document; return the counts."""
    started, form = time.monotonic(), config.written_as
    inputs = Inputs.of(config)
    inputs.require_apart([config.output], option="--output")
    documents = {_document_id(path): _text(path) for path in config.text}
    if len(documents) < len(config.text):
        raise InputError("--text: two files have the same name, which is the id of a document: rename one")
    method = config.abbreviations or "ab3p"
    find_abbreviations = finder_of(method)
    linker = open_linker(config, calibrated=config.threshold is not None)
    link = partial(best_links, linker, threshold=config.threshold)
    keys = (ID, NAME, SCORE, *([PROBABILITY] if linker.is_calibrated else []), *CONCEPT)
    annotated = {}
    for name, text in documents.items():
        try:
            annotated[name] = annotate(text, linker, find_abbreviations, link)
        except InputError as error:
            raise InputError(f"document '{name[:60]}': {error}") from error
    if not any(annotated.values()):
        logger.warning("no name of the dictionary is in the text%s", "s" if len(documents) > 1 else "")
    lines = (line for name, text in documents.items() for line in _WRITERS[form](name, text, annotated[name], keys))
    write_lines(config.output, _collection(lines) if form == "bioc-json" else lines)
    inputs.warn_of_changes()
    return {
        "output": config.output,
        "format": form,
        "abbreviations": method,
        "documents": len(documents),
        "mentions": sum(map(len, annotated.values())),
        "notice": NOTICE,
        "seconds": round(time.monotonic() - started, 1),
    }


def _document_id(path: str) -> str:
    """Return a file's name without its suffixes, as a document id that PubTator can hold."""
    return re.sub(r"[\s|]+", "_", Path(path).name.partition(".")[0]) or "text"


def _text(path: str) -> str:
    with open_binary(path) as stream:
        text = decoded(stream.read(), 1)  # with each character of its line ends, without a byte order mark
    if text is None:
        raise InputError(NOT_UTF8, path=path)
    return text


# -- what is written: the lines of a document


def _jsonl(name: str, text: str, annotated: Sequence[Annotated], keys: Sequence[str]) -> Iterator[str]:
    for (start, end), link in annotated:
        place = {"document": name, "start": start, "end": end, "mention": text[start:end]}
        yield json_text({**place, **added_fields(link, keys)})


def _pubtator(name: str, text: str, annotated: Sequence[Annotated], keys: Sequence[str]) -> Iterator[str]:
    """Yield the first line as the title and the rest as the abstract, each character of a line end or tab a blank."""
    title, _, abstract = text.partition("\n")
    yield f"{name}|t|{_in_a_line(title)}"
    yield f"{name}|a|{_in_a_line(abstract)}"
    for (start, end), link in annotated:
        yield "\t".join([name, str(start), str(end), _in_a_line(text[start:end]), TYPE, link.id])
    yield ""


def _in_a_line(text: str) -> str:
    return re.sub(r"[\t\r\n]", " ", text)


def _bioc(name: str, text: str, annotated: Sequence[Annotated], keys: Sequence[str]) -> Iterator[str]:
    annotations: list[dict[str, Any]] = [
        {
            "id": str(number),
            "infons": {"type": TYPE} | added_texts(link, keys),
            "text": text[start:end],
            "locations": [{"offset": start, "length": end - start}],
        }
        for number, ((start, end), link) in enumerate(annotated, 1)
    ]
    passage = {"offset": 0, "infons": {}, "text": text, "sentences": [], "annotations": annotations, "relations": []}
    yield json_text({"id": name, "infons": {}, "passages": [passage], "annotations": [], "relations": []})


def _collection(documents: Iterable[str]) -> Iterator[str]:
    infons = json_text({"notice": NOTICE})
    yield f'{{"source": "BioSyn", "date": "", "key": "", "version": "1.0", "infons": {infons}, "documents": ['
    for number, document in enumerate(documents):
        yield f",{document}" if number else document
    yield "]}"


_WRITERS: dict[str, Callable[[str, str, Sequence[Annotated], Sequence[str]], Iterator[str]]] = {
    "jsonl": _jsonl,
    "pubtator": _pubtator,
    "bioc-json": _bioc,
}
