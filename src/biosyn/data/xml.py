"""Small XML files, read at once, without entities and without access to other files or the network."""

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
        message = f"is not well-formed XML: {error.msg}"
        raise BadEntryError("files that are no XML", message, path=path, line=error.lineno) from error
    declared = root.getroottree().docinfo.internalDTD
    if next(root.iter(etree.Entity), None) is not None or (declared is not None and any(declared.iterentities())):
        message = "has entities of its own, which are not expanded: replace them with their text"
        raise BadEntryError("files with entities of their own", message, path=path)
    return root
