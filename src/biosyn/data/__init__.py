"""Files of this project in, rows out.

In: query folders (`.concept` files), dictionaries, `concepts.jsonl`. Out: the records of `biosyn.records`. Start with
`queries.py` and `dictionary.py`; `concepts.py` says which concepts a name belongs to. `documents.py` only writes query
folders. `bad_entries.py`: the first bad entry ends a run, or all are counted. `xml.py` sets up a safe XML parser for
corpora, ontologies and files to link.
"""
