"""Training without a GPU: recipes, plans, words, buckets, captions. Pure functions, no torch."""

from core.training.config import TaughtFolder, TrainConfig

__all__ = ["TaughtFolder", "TrainConfig"]
