"""Scores, losses, and the linker that maps a mention to a concept.

In: encoders, w and a dictionary. Out: scores and losses in training; ranked names or concepts otherwise. Start with
`biosyn.py` (the model) and `linker.py` (the model on one dictionary); `losses.py` and `rerank_net.py` are the
arithmetic of the paper.
"""
