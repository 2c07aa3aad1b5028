"""A mention, or a file of mentions, in; concepts out.

In: a model, a dictionary and mentions. Out: the answers of `inference.py`, as JSON or as the same file with links.
Start with `loading.py` (a model on a dictionary), then `mention.py` (one mention) and `file.py` (a file, resumable).
"""
