"""Scores, loss and the facade that holds the two encoders together."""
