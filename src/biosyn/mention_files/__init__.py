"""Read files of mentions, and write the same files with links added.

In: a CSV, TSV, JSONL, PubTator, BioC or plain text file of any size. Out: its units, each with its mentions, and each
unit's bytes with the links added. Start with `formats.py`, which recognises a file's format, and `units.py`, which
defines a unit.
What is added to a record, in every format, is in `added_columns.py`; the formats only place it.
"""
