"""What a model was trained or measured on, said so that a reader can check it: names, sha256 and counts, no paths."""

from pathlib import Path
from typing import Any

from biosyn.files import sha256_of, sha256_of_files


def describe_dictionary(path: str | Path, n_names: int) -> dict[str, Any]:
    """Return the dictionary file's name, its sha256 and how many names of it were used."""
    return {"name": Path(path).name, "sha256": sha256_of(path), "names": n_names}


def describe_queries(folder: str | Path, n_mentions: int) -> dict[str, Any]:
    """Return the name of a folder of ``.concept`` files, one sha256 for them all, and how many mentions were used."""
    paths = list(Path(folder).glob("*.concept"))
    return {
        "name": Path(folder).resolve().name,
        "sha256": sha256_of_files(paths),
        "documents": len(paths),
        "mentions": n_mentions,
    }


def describe_data(queries: str | Path, dictionary: str | Path, *, mentions: int, names: int) -> dict[str, Any]:
    """Return what a figure was measured on: the queries and the dictionary."""
    return {"queries": describe_queries(queries, mentions), "dictionary": describe_dictionary(dictionary, names)}


def describe_model(name_or_path: str, revision: str | None) -> dict[str, Any]:
    """Return a model's Hub id and revision, or the name of its folder."""
    path = Path(name_or_path)
    return {"name": path.resolve().name if path.is_dir() else name_or_path, "revision": revision}
