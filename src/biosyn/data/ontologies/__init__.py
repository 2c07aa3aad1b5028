"""Readers of ontologies: each turns one layout into concepts; ``formats`` holds the table of them."""
