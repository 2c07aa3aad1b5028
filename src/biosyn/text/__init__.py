"""Text in, text out: the cleaning of names and mentions.

In: a mention or name as a person wrote it. Out: the same text with abbreviations expanded, composite mentions split
into parts, spelling corrected, and case and punctuation removed. Start with `preprocess.py` (one text), then
`mentions.py` (all steps of a mention, in order); `abbreviations.py` and `composites.py` are two of these steps.
`spans.py` finds names in a text.
`MentionCleaner` in `mentions.py` also says which mentions are refused: too long, no letter or digit.
"""
