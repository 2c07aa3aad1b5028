"""An evaluation in, one HTML page out.

In: the content of `metrics.json`, the predictions and their outcomes. Out: `report.html`, a page that needs no other
file and no network. Start with `page.py`; `errors.py` sorts the wrong answers into classes, `charts.py` draws.
"""
