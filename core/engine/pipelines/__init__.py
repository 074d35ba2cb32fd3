"""Pipelines of diffusers that run through their own ``__call__``: loading, asking, previews."""
