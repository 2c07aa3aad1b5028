"""Any ontology in, dictionary and concepts out.

In: an ontology as its publisher releases it. Out: `dictionary.txt` and `concepts.jsonl`. There is one reader a format.
Start with `formats.py`, the table of readers: a new format is one module with a reader and one row there. `build.py`
is the verb, `diff.py` compares two dictionaries.
"""
