"""Flags in, printed results out.

In: command lines. Out: JSON on stdout, logs on stderr, exit codes. Start with `main.py`, which has the
table of verbs; a verb has a module of its own where it needs more than its row. Only this folder prints.
"""
