"""The settings of each verb, declared once.

In: nothing. Out: one frozen record per verb, whose fields are its flags. Start with `verbs.py`; `groups.py` has the
settings that verbs share.
"""
