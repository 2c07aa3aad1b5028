"""Queries and a dictionary in, a trained model out.

In: a starting encoder, training queries and the train dictionary. Out: a checkpoint, its log and its training states.
Start with `train.py`, then `trainer.py`: the loop of the paper. `candidates.py` retrieves, `run.py` goes through the
epochs with log and states, `pretrain.py` is self-alignment before training.
"""
