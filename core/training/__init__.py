"""Training without a GPU: recipes, plans, words, buckets, captions. Pure functions, no torch."""
