"""Logic: ways through a graph that depend on a value."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from core.engine.context import Context
from core.engine.node import Node
from core.graph.comparisons import COMPARISONS


class LogicSwitch(Node, tag="logic.switch"):
    """Pass on one of two inputs, of any type; what the other one needs does not run."""

    condition: Annotated[bool, Meta(description="Whether on_true is taken; may be wired.")] = True

    def run(self, ctx: Context, on_true: Any, on_false: Any) -> Any:
        """Give the one that is taken; within a graph the way is chosen before (``branches``)."""
        return on_true if self.condition else on_false


class LogicCompare(Node, tag="logic.compare"):
    """Compare two numbers, for a switch."""

    relation: Annotated[
        Literal["less", "at_most", "equal", "not_equal", "at_least", "more"],
        Meta(description="What a must be to b."),
    ] = "more"

    def run(self, ctx: Context, a: float, b: float) -> bool:
        """Say whether it is so."""
        return COMPARISONS[self.relation](a, b)
