"""Callbacks of a run: what happens between two steps, beside training."""
