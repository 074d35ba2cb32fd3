"""InvokeAI's plain values: constants, sums, chance, collections, and what walks through them."""

from core.graph.invokeai.bench import Bench
from core.graph.invokeai.document import MAX_TEXT, Foreign
from core.graph.invokeai.models import Outputs
from core.graph.invokeai.values import (
    Fresh,
    Items,
    Plain,
    Value,
    Wire,
    flat,
    number,
    text,
    truth,
    whole,
)

_LISTED = ("integers", "floats", "strings", "images", "collection")  # fields that are collections


def constant(bench: Bench, node: Foreign) -> Outputs:
    """Give a text, a sampler, a model's name or a truth: each is known at once."""
    return {field: bench.given(node, field) for field in ("value", "scheduler", "model")}


def count(bench: Bench, node: Foreign) -> Outputs:
    """Give a number, by a node of ours: it may feed several."""
    kind, read = ("integer", whole) if node.type == "integer" else ("value", number)
    made = bench.add(node, f"number.{kind}")
    bench.take(made, "value", node, "value", read, 0)
    return {"value": made.out(known=made.settings.get("value"))}


def add(bench: Bench, node: Foreign) -> Outputs:
    """Add two numbers; what is written in the node itself becomes a node, too."""
    made = bench.add(node, "number.add")
    parts = []
    for port in ("a", "b"):
        wire = bench.given(node, port)
        if not isinstance(wire, Wire):
            own = bench.add(node, "number.value", port)
            bench.take(own, "value", node, port, number, 0)
            wire = own.out(known=own.settings.get("value"))
        made.link(port, wire)
        parts.append(number(wire.known))
    known = None if None in parts else sum(part for part in parts if part is not None)
    return {"value": made.out(known=known)}


def join(bench: Bench, node: Foreign) -> Outputs | None:
    """Put two texts together."""
    parts = [bench.literal(node, f"string_{side}", text, "") for side in ("left", "right")]
    return {"value": Plain("".join(parts)[:MAX_TEXT])}


def choose(bench: Bench, node: Foreign) -> Outputs | None:
    """Take one of two branches."""
    ends = [bench.given(node, field) for field in ("true_input", "false_input")]
    condition = bench.given(node, "condition")
    if isinstance(condition, Plain) and isinstance(condition.value, bool):
        if not all(isinstance(end, Wire) for end in ends):
            return {"value": ends[not condition.value]}
    if not all(isinstance(end, Wire) for end in ends):
        return None
    made = bench.add(node, "logic.switch")
    for port, end in zip(("on_true", "on_false"), ends, strict=True):
        made.link(port, end)
    bench.take(made, "condition", node, "condition", truth, False)
    return {"value": made.out()}


def chance(bench: Bench, node: Foreign) -> Outputs:
    """Draw a number by chance: with us the seed that it feeds is drawn anew for each run."""
    return {"value": Fresh()}


def chances(bench: Bench, node: Foreign) -> Outputs:
    """Draw several; a graph of ours makes one picture of each seed, and is run again."""
    _tell_of_many(bench, node, bench.literal(node, "size", whole, 1))
    return {"collection": Items((Fresh(),))}


def span(bench: Bench, node: Foreign) -> Outputs:
    """Give the first number of a run of them."""
    begin = bench.literal(node, "start", whole, 0)
    bench.overrule(node, "stop", "step")  # there is but one value, or that is told
    _tell_of_many(bench, node, bench.literal(node, "size", whole, 2))
    return {"collection": Items((Plain(begin),))}


def _tell_of_many(bench: Bench, node: Foreign, size: int) -> None:
    if size != 1:
        bench.tell(node, "first_only")


def collect(bench: Bench, node: Foreign) -> Outputs:
    """Gather what is wired into it."""
    found = [*bench.all(node, "collection"), *bench.all(node, "item")]
    return {"collection": Items(tuple(flat(found)))}


def listed(bench: Bench, node: Foreign) -> Outputs:
    """Give the first of the values that stand in a node; batches of a run are such."""
    for field in _LISTED:
        values: list[Value] = bench.all(node, field)
        written = None if values else bench.given(node, field)
        if isinstance(written, Plain) and isinstance(written.value, list):
            values = [Plain(each) for each in written.value[:2]]
        if values:
            _tell_of_many(bench, node, len(values))
            one = values[0]
            return {"collection": Items((one,)), "value": one, "image": one}
    return {}


def walk(bench: Bench, node: Foreign) -> Outputs:
    """Walk through a collection: the first of it, since a graph of ours does its work once."""
    found = bench.all(node, "collection")
    if len(found) > 1:
        bench.tell(node, "first_only")
    return {"item": found[0] if found else None}
