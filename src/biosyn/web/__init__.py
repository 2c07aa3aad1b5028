"""The demo: HTTP in, JSON and a page out.

In: a model on a dictionary. Out: the page, `/normalize/`, `/api/v1/` and linked files. Start with `app.py`, the routes;
`service.py` is all that is asked of the model, `backend.py` answers in batches.
An answer's JSON: its rows are made in `biosyn.model.answers`, `service.py` adds links, `handlers.py` wraps it.
"""
