"""Reading a small XML file whole, without what makes XML dangerous."""

from pathlib import Path
from typing import Any

from biosyn.data.reading import BadEntryError
from biosyn.errors import InputError, missing_extra


def read_xml(path: str | Path) -> Any:
    """Return the root element; nothing else is read, from disk or network, and no entity is expanded.

    Raises
    ------
    InputError
        If the file cannot be read, or lxml is not installed.
    BadEntryError
        If it is no well-formed XML, or uses an entity of its own.
    """
    try:
        from lxml import etree
    except ImportError as error:
        raise missing_extra("lxml", "bioc") from error
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(Path(path).read_bytes(), parser)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except etree.XMLSyntaxError as error:
        raise BadEntryError(
            "files that are no XML", f"is no XML ({error.msg})", path=path, line=error.lineno
        ) from error
    entity = next(root.iter(etree.Entity), None)
    if entity is not None:
        message = f"uses the entity {entity.text}, which is not expanded: write what it stands for"
        raise BadEntryError("files with entities of their own", message, path=path, line=entity.sourceline)
    return root
