"""Verbs of graphs: check one without running it."""

from msgspec import Struct

from core.errors import Problem
from core.graph import check
from core.records.graph import Graph
from server.principal import Principal
from server.state import State


class CheckGraph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A graph as it would be sent."""

    graph: Graph


class Checked(Struct, frozen=True, kw_only=True):
    """Everything that keeps it from running; empty when nothing does."""

    problems: list[Problem]


async def check_graph(state: State, principal: Principal, ask: CheckGraph) -> Checked:
    """List every problem of a graph: unknown nodes, loose wires, types, cycles, settings."""
    return Checked(problems=check.check(ask.graph, state.nodes))
