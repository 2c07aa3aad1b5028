"""What each verb can be told: its settings, declared once.

In: nothing. Out: one frozen record a verb, whose fields are its flags. Start with `verbs.py`.
"""
