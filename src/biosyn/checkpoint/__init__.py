"""A model folder in, its parts out, and back.

In: a folder in our format, one of the original authors, a plain encoder, or a Hub id (`hub.py`). Out: TF-IDF, w and
settings by `opening.py`, which recognises the kind: start there; the dense encoder by `encoder.py`. Our format:
`folder.py` writes it and reads the TF-IDF, `manifest.py` is `biosyn.json`, with w. The original authors' format:
`published.py` reads the TF-IDF and w, `upstream_export.py` writes all of it.
"""
