"""Names in, vectors out.

In: lists of texts. Out: the sparse TF-IDF rows of `sparse.py`, (N, V), and the dense vectors of `dense.py`, (N, H).
Start with `sparse.py`; `dense.py` builds on `tokens.py` (each text is tokenized once), `pooling.py` (from hidden states
to a vector) and `cls_only.py` (which saves work in the last layer).
"""
