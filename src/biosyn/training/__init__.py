"""A starting encoder, training queries and a dictionary in; a checkpoint, its log and its training states out.

Start with `train.py`, the verb. The method of the paper is in `trainer.py`: `Trainer.epoch` retrieves the candidates
and goes through the mentions, `Trainer.step` changes the encoder and w. `pretrain.py` has the verb and the method of
self-alignment. For both, `epoch.py` runs one epoch, and `run.py` all that are left: it resumes from the newest state
(`states.py`), and saves log, states and models.
"""
