"""Vectors in, rows and scores out.

In: vectors of mentions and names. Out: for each mention the rows of its best names, with their scores, ties broken by
row. Start with `search.py`, which works on the `Vectors` of `vectors.py`; `score_parts.py` gives the dense and sparse
part of a score, `concepts.py` ranks concepts instead of names, `confidence.py` turns scores into probabilities.
"""
