"""Predictions to figures, pure: every figure with its denominator and an interval; see docs/evaluation.md."""
