"""Flags in, printed results out.

In: command lines. Out: JSON on stdout (quickstart: text), logs on stderr, exit codes. Start with `verbs.py`, the table
of verbs: train, pretrain, eval, calibrate and convert are only a row there, each other verb has a module (preprocess
has three). A new flag is a field in `biosyn.settings`, of which `parsing.py` makes a flag of a `Parser`; compare,
cache, preprocess and quickstart declare their flags in their modules. Only this folder prints.
"""
