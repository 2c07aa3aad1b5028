"""The settings of each verb, declared once.

In: nothing. Out: a frozen record whose fields are the flags: one for a verb, two for inference (a mention, a file).
Start with `verbs.py`: a flag of train.py alone is a field of `TrainConfig`, and of the same name in `TrainerSettings`
or `RunSettings` of `biosyn.training`. Flags of several verbs are in `groups.py`.
"""
