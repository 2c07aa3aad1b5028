"""Checkpoints: the files of a model folder, ours and the published ones, read and written here alone."""
