"""Raw corpora in, queries and dictionaries out.

In: a corpus as its authors release it. Out: query folders and dictionaries as training and evaluation read them.
Start with `preprocess.py`, the verb; there is one reader a corpus, and `folder.py` says what a corpus folder holds.
"""
