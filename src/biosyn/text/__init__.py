"""Text in, text out: the cleaning of names and mentions.

In: a mention or name as a person wrote it. Out: the same text with abbreviations expanded, composite mentions split,
spelling corrected, and case and punctuation removed. Start with `preprocess.py` (one text), then `cleaning.py` (the
steps of one mention, in order).
"""
