"""Raw corpora in, queries and dictionaries out.

In: a corpus as its authors release it, and an ontology. Out: query folders and dictionaries in the form that training
and evaluation read. Start with `preprocess.py`, the verb. Each corpus has one reader (`ncbi_disease.py`, `bc5cdr.py`,
...), built on `pubtator.py` or `bioc.py` where the corpus has that form; `folder.py` lists what a corpus folder holds.
"""
