"""Numbers on wires: for settings that several nodes share."""

from core.engine.context import Context
from core.engine.node import Node


class NumberValue(Node, tag="number.value"):
    """Give a number."""

    value: float = 0.0

    def run(self, ctx: Context) -> float:
        """Give it."""
        return self.value


class NumberAdd(Node, tag="number.add"):
    """Add two numbers."""

    def run(self, ctx: Context, a: float, b: float) -> float:
        """Add them."""
        return a + b
