"""Whatever a stranger sends as a workflow of InvokeAI ends, within bounds, as one of ours."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph import invokeai
from core.graph.check import MAX_EDGES, MAX_NODES, check
from core.records.workflow import MAX_LEFT_OUT
from server.actions.workflows import NewWorkflow
from tests.core.graph.invokeai.documents import Json, changed, document, node, text_to_image, wires
from tests.core.graph.invokeai.test_translate import BUILT_IN, made, problems, said


def test_circles_doubles_and_damage_are_named_and_end() -> None:
    found = changed(
        text_to_image(),
        node("a-1", "add", label="Round"),
        node("b-1", "add", label="And round"),
        add=("a-1.value > b-1.a", "b-1.value > a-1.a"),
    )
    found["nodes"] += [found["nodes"][0], 7, {"type": "invocation"}, {"id": "", "type": "x"}]
    codes = [code for _, code in said(found)]
    assert sorted(codes) == ["circle", "circle", "damaged", "damaged", "damaged", "damaged"]
    assert problems(found) == []
    ring = {"id": "r", "type": "connector"}
    looped = changed(
        text_to_image(), ring, cut=("draw-1.unet",), add=("r.out > r.in", "r.out > draw-1.unet")
    )
    assert ("draw-1", "missing_input") in problems(looped)


def test_names_that_objects_of_a_page_have_by_birth_are_not_kept() -> None:
    names = ("__proto__", "constructor", "a b", "x" * 65, "näh-1", "fine-1", "fine:2")
    found = document([node(name, "integer", value=1) for name in names], [])
    assert list(made(found)) == [
        "node-1", "node-2", "node-3", "node-4", "node-5", "fine-1", "fine:2",
    ]  # fmt: skip


def test_a_document_has_an_end() -> None:
    many = document([node(f"n-{place}", "integer") for place in range(MAX_NODES + 1)], [])
    with pytest.raises(Invalid) as refused:
        invokeai.translate(many, "/workflow")
    assert [(each.code, each.pointer) for each in refused.value.problems] == [
        ("graph_too_large", "/workflow/nodes")
    ]
    with pytest.raises(Invalid):
        invokeai.translate(document([], wires("a.b > c.d") * (MAX_EDGES + 1)))
    strange = document([node(f"n-{place}", "warp") for place in range(MAX_NODES)], [])
    assert len(said(strange)) == MAX_LEFT_OUT
    chain = [node(f"n-{place}", "add") for place in range(MAX_NODES // 2)]
    long = document(chain, wires(*(f"n-{at}.value > n-{at + 1}.a" for at in range(999))))
    assert len(made(long)) == 2001


TYPES = sorted(
    {each["data"]["type"] for each in text_to_image()["nodes"]}
    | {
        "lora_loader", "lora_selector", "collect", "iterate", "if", "add", "integer", "string",
        "string_join", "random_range", "range", "image", "img_resize", "img_scale", "i2l",
        "save_image", "controlnet", "ip_adapter", "vae_loader", "clip_skip",
        "seamless", "lscale", "image_batch", "flux_denoise", "sdxl_compel_prompt",
        "canny_edge_detection", "lora_collection_loader", "warp",
    }
)  # fmt: skip
FIELDS = (
    "unet", "clip", "vae", "model", "prompt", "noise", "latents", "image", "control", "item",
    "value", "collection", "seed", "width", "height", "lora", "loras", "weight",
    "a", "b", "steps", "images",
    "positive_conditioning", "ip_adapter", "conditioning", "condition", "true_input",
    "false_input",
    "string_left", "denoising_start", "scheduler", "size", "board", "skipped_layers", "cfg_scale",
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.just("<script>")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "image_name", "x", "y", "value", "type"]), inner)
    ),
    max_leaves=6,
)
IDS = st.sampled_from([f"n-{place}" for place in range(6)])
NODES = st.lists(
    st.builds(
        lambda name, kind, fields, more: {**node(name, kind, **fields), **more},
        IDS, st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=6),
        st.dictionaries(st.sampled_from(["position", "type", "data"]), JUNK, max_size=1),
    ) | JUNK,
    max_size=10,
)  # fmt: skip
EDGES = st.lists(
    st.builds(
        lambda a, out, b, field: wires(f"{a}.{out} > {b}.{field}")[0],
        IDS, st.sampled_from(FIELDS), IDS, st.sampled_from(FIELDS),
    ) | JUNK,
    max_size=24,
)  # fmt: skip
HEAD = st.dictionaries(
    st.sampled_from(["name", "description", "notes", "tags", "form", "exposedFields", "meta"]), JUNK
)


@settings(max_examples=400, deadline=None)
@given(NODES | st.dictionaries(IDS, JUNK), EDGES, HEAD)
def test_whatever_a_stranger_sends_becomes_a_workflow_that_can_be_kept(
    nodes: Any, edges: list[Any], head: Json
) -> None:
    found = {**head, "nodes": nodes, "edges": edges}
    assert invokeai.is_document(found)
    translated = msgspec.structs.asdict(invokeai.translate(found))
    del translated["left_out"]
    translated["name"] = translated["name"] or "x"
    text = msgspec.json.encode(translated)
    kept = msgspec.json.decode(text, type=NewWorkflow)
    names = [each.id for each in kept.graph.nodes]
    assert len(names) == len(set(names))
    known = set(names)
    assert all(link[0] in known for each in kept.graph.nodes for link in each.inputs.values())
    assert {problem.code for problem in check(kept.graph, BUILT_IN)} <= FORESEEN


# What a check may say of a graph whose document was junk: never that a node or a port is unknown.
FORESEEN = {
    "missing_input", "missing_setting", "wrong_type", "number_too_small", "number_too_large",
    "not_a_multiple", "no_sink", "port_types", "text_too_short", "missing_field", "bad_setting",
}  # fmt: skip
