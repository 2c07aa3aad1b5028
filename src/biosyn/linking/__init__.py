"""A mention, or a file of them, in; concepts out.

In: a model, a dictionary and mentions. Out: the answers of `inference.py`, as JSON or as the same file with links, and
spaCy's entity ids. Start with `loading.py` (a model on a dictionary; also the verb index build), then `mention.py` and
`file.py`; `journal.py` resumes a run that was killed. The class `Linker` is in `biosyn.model.linker`, the choice of
what is added to a file in `open_source` of `file.py`.
"""
