"""A server of the Model Context Protocol: what a language model asks of a linker, and an offline check of its ids.

In: a model and a dictionary. Out: three tools, over stdio or HTTP. Start with `server.py`.
"""
