"""The demo: HTTP in, JSON and a page out.

In: a model on a dictionary. Out: the page, `/normalize/`, `/api/v1/` and file linking. Start with `app.py`, the
routes; `service.py` is what is asked of the model, `backend.py` answers in batches.
"""
