"""Several processes as one.

In: what torchrun sets in the environment (`environment.py`). Out: work dealt to ranks and results gathered from them.
Start with `ranks.py`, which passes everything through where there is one process. `launch.py` joins the processes and
handles the death of one; `biosyn.cli.common` prints that, and resumes after a restart.
"""
