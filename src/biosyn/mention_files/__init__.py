"""Files of mentions in, the same files with links out.

In: a CSV, TSV, JSONL, PubTator, BioC or plain text file of any size. Out: its units, each with its mentions, and each
unit written back with the links added. Start with `formats.py` (which format a file has) and `units.py` (what a unit
is).
"""
