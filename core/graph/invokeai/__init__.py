"""Workflows of InvokeAI, made into graphs of ours as far as they have an equal here."""

from core.graph.invokeai.document import is_document
from core.graph.invokeai.translate import Translated, translate

__all__ = ["Translated", "is_document", "translate"]
