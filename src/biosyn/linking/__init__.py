"""A mention, or a file of them, in; concepts out.

In: a model, a dictionary and mentions. Out: the answers of `inference.py`, as JSON or as the same file with links.
Start with `mention.py` (one mention) and `file.py` (a file, resumable); `loading.py` opens a model on a dictionary.
"""
