"""Linking the mentions of a whole file: inference.py --input."""
