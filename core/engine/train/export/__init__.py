"""Exports: what was trained, as other programs read it."""

from core.engine.train.export.exported import Format, exported

__all__ = ["Format", "exported"]
