"""Files to rows: readers and writers of corpora, ontologies, dictionaries and queries."""
