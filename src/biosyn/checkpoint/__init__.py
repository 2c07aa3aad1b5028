"""A model folder in, its parts out, and back.

In: a folder in our format, a published BioSyn model, or a Hub id. Out: the dense encoder, the sparse encoder and w.
Start with `opening.py`, which tells the kinds apart; `folder.py` saves and loads our own, `published.py` reads those
of the original BioSyn, `upstream_export.py` writes them.
"""
