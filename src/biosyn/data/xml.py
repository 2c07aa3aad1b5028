"""XML without entities and without access to other files or the network: small files at once, and what is wrong."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from biosyn.data.bad_entries import BadEntryError
from biosyn.errors import InputError, missing_extra
from biosyn.pipes import regular_file


def lxml_etree() -> Any:
    """Return the module ``lxml.etree``, which is an optional dependency."""
    try:
        from lxml import etree
    except ImportError as error:
        raise missing_extra("lxml", "xml") from error
    return etree


def read_xml(path: str | Path) -> Any:
    """Return the root element; nothing else is read from disk or network, and no entity is expanded.

    Raises
    ------
    BadEntryError
        If the file is not well-formed, or declares or uses entities other than XML's own five.
    """
    etree = lxml_etree()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(regular_file(path).read_bytes(), parser)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except etree.XMLSyntaxError as error:
        message, line = syntax_problem(error)
        raise BadEntryError("files that are no XML", message, path=path, line=line) from error
    if (entity := _entity(root, parser)) is not None:
        message = f"has entities of its own, which are not expanded: replace &{entity[0]}; with its text"
        raise BadEntryError("files with entities of their own", message, path=path, line=entity[1])
    return root


def syntax_problem(error: Any, log: Iterable[Any] = ()) -> tuple[str, int]:
    """Return what is wrong with a file that is not well-formed, and its line.

    Parameters
    ----------
    error
        The XMLSyntaxError.
    log
        The ``error_log`` of an ``iterparse``, whose errors know of an undefined entity only that nothing follows it.
    """
    fatal = ((entry.message, entry.line) for entry in log if entry.level_name == "FATAL")
    problem, line = next(fatal, (error.msg, error.lineno))
    return f"is not well-formed XML: {problem}", line


def entity_in(element: Any) -> tuple[str, int] | None:
    """Return the name and line of the first entity in the text of an element; None where there is none."""
    found = next(element.iter(lxml_etree().Entity), None)
    return None if found is None else (found.name, found.sourceline)


def undefined_entities(log: Iterable[Any]) -> list[tuple[str, int]]:
    """Return the name and line of each entity that a parser found undefined, in texts and in attributes.

    With a DOCTYPE they are no syntax errors, since its DTD might define them. An attribute loses them.
    """
    undefined = lxml_etree().ErrorTypes.WAR_UNDECLARED_ENTITY
    return [(entry.message.split("'")[1], entry.line) for entry in log if entry.type == undefined]


def _entity(root: Any, parser: Any) -> tuple[str, int | None] | None:
    """Return the name and, where it is known, the line of an entity that a file uses or declares."""
    declared = root.getroottree().docinfo.internalDTD
    names = [] if declared is None else [(entity.name, None) for entity in declared.iterentities()]
    return entity_in(root) or next(iter([*undefined_entities(parser.error_log), *names]), None)
