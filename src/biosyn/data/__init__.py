"""Files of this project in, rows out.

In: query folders (`.concept` files), dictionaries, `concepts.jsonl`, documents. Out: named rows (`records.py`). Start
with `queries.py` and `dictionary.py`; `concepts.py` says which concepts a name belongs to, `documents.py` writes query
folders. `bad_entries.py` decides whether the first bad entry ends a run or bad entries are counted, and `xml.py` reads
XML safely, for the readers of raw corpora and ontologies.
"""
