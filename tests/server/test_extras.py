"""What needs an extra that the engine lacks is refused before anything runs."""

import msgspec
import pytest

from core.graph.catalogue import Catalogue
from core.paths import shipped
from core.records.graph import Graph, GraphNode
from server.actions.extras import lacking


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def test_a_setting_that_needs_a_missing_extra_is_named(catalogue: Catalogue) -> None:
    graph = Graph(
        nodes=[
            GraphNode(id="load", type="image.load", settings={"image": "x"}),
            GraphNode(id="a", type="upscale.model", settings={"upscaler": "4x"}),
            GraphNode(id="b", type="upscale.model", settings={"upscaler": None}),
            GraphNode(id="c", type="upscale.model", settings={"upscaler": ["no", "name"]}),
            GraphNode(id="d", type="no.such", settings={"upscaler": "4x"}),
        ]
    )
    assert lacking(catalogue, graph) == []
    bare = msgspec.structs.replace(catalogue, lacking=["upscale"])
    (problem,) = lacking(bare, graph)
    assert (problem.code, problem.pointer) == ("extra_missing", "/nodes/1/settings/upscaler")
    assert (problem.node, problem.path) == ("a", "$.settings.upscaler")
    assert problem.params == {"extra": "upscale"}
