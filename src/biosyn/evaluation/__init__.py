"""Predictions in, figures out.

In: a model, and queries with gold ids. Out: Acc@k and other figures with intervals, and the report, an HTML page. Start
with `evaluate.py`, the verb of eval.py. `protocols.py` defines when a query is right, `figures.py` makes intervals. A
new metric is a function in `protocols.py` or `reliability.py` and one entry in `Outcomes.measures` of `outcomes.py`.
`calibrate.py` and `compare.py` are two more verbs.
"""
