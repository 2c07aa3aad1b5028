"""Several processes as one.

In: what torchrun sets in the environment. Out: work dealt to ranks and results gathered from them; everything here is
a no-op for one process. Start with `ranks.py`.
"""
