"""An evaluation in, one HTML page out.

In: `predictions_eval.json` and the figures. Out: a page that needs no other file. Start with `page.py`; `errors.py`
sorts the wrong answers into classes, `charts.py` draws.
"""
