"""A starting encoder, training queries and a dictionary in; a checkpoint, its log and its training states out.

Start with `train.py`, the verb. The loop of the paper is in `trainer.py`: `Trainer.epoch` retrieves the candidates and
goes through the mentions, `Trainer.step` changes the encoder and w. `pretrain.py` has the same for self-alignment.
`loop.py` runs the epochs of both, `run.py` adds the log, the states and the models of a run.
"""
