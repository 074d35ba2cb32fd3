"""Exports: what was trained, as other programs read it."""
