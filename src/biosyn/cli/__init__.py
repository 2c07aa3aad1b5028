"""Flags in, printed results out.

In: command lines. Out: JSON on stdout, logs on stderr, exit codes. Start with `main.py`; there is one module a verb.
Only this folder prints.
"""
