"""The node of the page on control is one that works."""

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.context import Context, Job
from core.engine.registry import Registry
from core.engine.values import Image

PAGE = Path(__file__).resolve().parents[2] / "docs" / "control.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "depth.py").write_text(code, "utf-8")
    made = Registry(tmp_path)
    made.scan()
    yield made
    for name in [name for name in sys.modules if name.startswith("heliograph_nodes.")]:
        del sys.modules[name]


def write_depth_model(folder: Path) -> None:
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessorPil

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
        reassemble_factors=[4, 2, 1, 0.5], readout_type="ignore",
    )  # fmt: skip
    DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def test_the_node_of_the_page_estimates_depth(registry: Registry, tmp_path: Path) -> None:
    assert registry.nodes.catalogue.problems == []
    kind = registry.nodes.classes["mine.depth"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_depth_model(tmp_path / "model")
    nowhere: Any = None
    ctx = Context(nowhere, Job("J"), "node")
    image = Image(pixels=torch.rand(2, 3, 34, 50))
    with torch.inference_mode():
        near = kind(folder=str(tmp_path / "model")).run(ctx, image)
    assert near.pixels.shape == (2, 3, 34, 50)
    assert near.pixels[0].max() == 1 and near.pixels[0].min() == 0
    with pytest.raises(FileNotFoundError):
        kind(folder="somebody/model").run(ctx, image)
