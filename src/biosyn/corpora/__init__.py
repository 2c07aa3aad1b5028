"""Raw corpora in, queries and dictionaries out.

In: a corpus as its authors release it, and an ontology. Out: query folders and dictionaries, as training and evaluation
read them. Start with `preprocess.py`, the verb. Each corpus has a reader here and an entry in
`biosyn.cli.preprocess_corpora`. `pubtator.py` and `bioc.py` read any corpus of that form; the readers of NCBI, BC5CDR
and MedMentions are built on the first. `hpo.py` makes a corpus of an ontology alone.
"""
