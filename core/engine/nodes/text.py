"""Texts on wires: prompts put together from parts."""

from typing import Annotated

from msgspec import Meta

from core.engine.context import Context
from core.engine.node import Node


class TextJoin(Node, tag="text.join"):
    """Put two texts together."""

    separator: Annotated[str, Meta(max_length=64, description="What stands between the two.")] = (
        ", "
    )

    def run(self, ctx: Context, a: str, b: str) -> str:
        """Join them."""
        return a + self.separator + b
