"""Any ontology in, dictionary and concepts out.

In: an ontology as its publisher releases it. Out: a dictionary file and `concepts.jsonl`. Each format has one reader.
Start with `formats.py`, the table of readers: a new format is a module with a reader, and a row there. `source.py` has
what readers need, `build.py` is the verb, `diff.py` compares two dictionaries.
An option of a format is a keyword of its reader, and a flag in `biosyn.cli.preprocess_dictionary`.
"""
