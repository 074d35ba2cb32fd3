"""Saved workflows: a graph with names for what goes in and what comes out."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.records.graph import Graph, Json

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\w[\w .-]*$")]
MAX_LEFT_OUT = 200  # nodes and fields that are told of one document

NodeId = Annotated[str, Meta(min_length=1, max_length=64)]


class WorkflowInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A setting that a run may fill; entries of one name are one input that fills several."""

    name: Name
    node: NodeId
    setting: Annotated[str, Meta(min_length=1, max_length=128)]
    label: Annotated[str, Meta(max_length=200, description="Words for people.")] = ""


class WorkflowOutput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result that has a name."""

    name: Name
    node: NodeId
    port: Annotated[str, Meta(max_length=128)] = ""


class WorkflowHead(Struct, frozen=True, kw_only=True):
    """What a list tells of a workflow: all but the graph."""

    id: str
    name: str
    description: str
    version: Annotated[int, Meta(description="Grows with each change.")]
    inputs: list[WorkflowInput]
    outputs: list[WorkflowOutput]
    tags: list[str]
    created: str
    changed: str
    owner: str


class Workflow(WorkflowHead, frozen=True, kw_only=True):
    """One saved graph, with names for what goes in and what comes out."""

    graph: Graph
    layout: Annotated[dict[str, Json], Meta(description="The client's own: where nodes stand.")]


LeftOutCode = Literal["no_equal", "circle", "damaged", "first_only", "board", "field"]


class LeftOut(Struct, frozen=True, kw_only=True):
    """A node of another program's workflow that did not come over, or not whole."""

    title: Annotated[str, Meta(description="As people named it there.")]
    type: str
    code: Annotated[
        LeftOutCode,
        Meta(
            description="no_equal: there is no such node here; circle: it waits for itself;"
            " damaged: it cannot be read; first_only: only the first of its values is taken;"
            " board: it came over, without the board that it names; field: it came over, without"
            " this field, which was set."
        ),
    ]
    field: Annotated[
        str, Meta(description="Which of its fields, as the other program calls it; or none.")
    ] = ""


class ImportedWorkflow(Workflow, frozen=True, kw_only=True):
    """A workflow that came from a file, and what of the file did not."""

    left_out: Annotated[
        list[LeftOut], Meta(description="Of another program's file: the first 200.")
    ] = []
