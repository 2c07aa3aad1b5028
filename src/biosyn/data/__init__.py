"""Files of this project in, rows out.

In: query folders, dictionaries and `concepts.jsonl`. Out: the records of `biosyn.records`. Start with `queries.py` and
`dictionary.py`. Raw corpora are read in `biosyn.corpora`, raw ontologies in `biosyn.ontologies`, files of mentions to
link in `biosyn.mention_files`.
"""
