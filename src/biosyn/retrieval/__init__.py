"""Vectors in, rows and scores out.

In: vectors of mentions and names. Out: for each mention the rows of its best names, with their scores, ties broken by
row. Start with `search.py`; `concepts.py` ranks concepts instead of names, `confidence.py` turns scores into
probabilities.
"""
