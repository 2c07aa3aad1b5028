"""A model, a dictionary and queries with gold ids in, figures out.

Out: Acc@k and other figures with intervals, and the report, an HTML page. Start with `evaluate.py`, the verb of
eval.py. `accuracy.py` decides when a query is right and computes the Acc@k that eval.py prints; `outcomes.py` makes
`metrics.json`, `intervals.py` its means and intervals. A new figure: of hits, a function in `accuracy.py` and an
entry in `Outcomes.measures`; of probabilities, `confidence_json` in `reliability.py`. More verbs: `calibrate.py`,
`compare.py`.
"""
