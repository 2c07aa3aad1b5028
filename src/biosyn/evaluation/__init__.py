"""Predictions in, figures out.

In: a model and queries with gold ids. Out: Acc@k and the other figures, with intervals, and the report page. Start
with `evaluate.py`, the verb of `eval.py`; `protocols.py` says when a query counts, `figures.py` makes the intervals.
A new metric is a function in `protocols.py` or `reliability.py` and one row of the table in `outcomes.py`.
"""
