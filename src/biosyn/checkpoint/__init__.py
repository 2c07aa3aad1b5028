"""Read a model folder into its parts, and write the parts as a folder.

In: a folder in our format, a published BioSyn model, or a Hub id. Out: the dense encoder, the sparse encoder and w.
Start with `opening.py`, which recognises the kind of model; `folder.py` saves and loads our own format, `published.py`
reads that of the original BioSyn, and `upstream_export.py` writes it.
"""
