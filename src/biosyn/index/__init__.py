"""The embedded dictionary on disk.

In: the names of a dictionary and a model. Out: a folder with their vectors, built once, opened by every later run.
Start with `key.py` (when two indexes are the same) and `header.py` (what a folder says of itself), then `build.py`,
`dictionary_index.py` and `mapped.py`, which checks what is read; `cache.py` lists and removes indexes,
`approximate.py` adds the optional approximate search.
`biosyn.model.embedded_dictionary` fills the key in.
"""
