"""Numbers on wires: for settings that several nodes share."""

from typing import Annotated

from msgspec import Meta

from core.engine.context import Context
from core.engine.node import Node


class NumberValue(Node, tag="number.value"):
    """Give a number."""

    value: Annotated[float, Meta(description="The number.")] = 0.0

    def run(self, ctx: Context) -> float:
        """Give it."""
        return self.value


class NumberInteger(Node, tag="number.integer"):
    """Give a whole number: for steps, sizes and seeds."""

    value: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, description="The whole number.")] = 0

    def run(self, ctx: Context) -> int:
        """Give it."""
        return self.value


class NumberAdd(Node, tag="number.add"):
    """Add two numbers."""

    def run(self, ctx: Context, a: float, b: float) -> float:
        """Add them."""
        return a + b
