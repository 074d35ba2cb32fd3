"""A grid on the starter: thirty cells, one that fails and is asked for again, a contact sheet."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from starter.measures import stack
from tests.bench.judged import Eye
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
API = "/api/v1"
SUBJECTS = {"a cartoon penguin on a blue background": "penguin",
            "a 3d red fox on a green background": "fox",
            "a flat panda on a yellow background": "panda"}  # fmt: skip
GATE = """
from pathlib import Path

from core.engine import Context, Image, Node


class Gate(Node, tag="mine.gate"):
    \"\"\"Fail once while a file is there.\"\"\"

    file: str

    def run(self, ctx: Context, image: Image) -> Image:
        try:
            Path(self.file).unlink()
        except FileNotFoundError:
            return image
        raise ValueError("the gate was shut")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("grid")
    nodes = folder / "data" / "nodes"
    nodes.mkdir(parents=True)
    (nodes / "gate.py").write_text(GATE, "utf-8")
    with running(folder, threads="1") as server:
        yield server


def gated(server: RunningServer, shut: Path) -> dict[str, Any]:
    """Give the graph of a picture, with a gate before it is saved."""
    image = server.generate(prompt="a fox", steps=4)["images"][0]["id"]
    graph: dict[str, Any] = server.client.get(f"{API}/images/{image}/recipe").json()["graph"]
    save = next(node for node in graph["nodes"] if node["type"] == "image.save")
    drawn, save["inputs"]["image"] = save["inputs"]["image"], ["gate", "out"]
    graph["nodes"].append(
        {"id": "gate", "type": "mine.gate", "settings": {"file": str(shut)},
         "inputs": {"image": drawn}}
    )  # fmt: skip
    return graph


def picture(server: RunningServer, image: str) -> Image.Image:
    file = server.client.get(f"{API}/images/{image}/file").raise_for_status().content
    with Image.open(io.BytesIO(file)) as opened:
        return opened.convert("RGB")


def sheet(server: RunningServer, batch: str) -> Any:
    made = server.client.post(f"{API}/batches/{batch}/sheet", json={"side": 64})
    return numpy.asarray(picture(server, made.raise_for_status().json()["id"])).astype(int)


def cells(server: RunningServer, batch: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get(
        f"{API}/batches/{batch}", params={"limit": 200}
    ).json()["cells"]
    return found


def test_thirty_cells_are_drawn_one_fails_is_tried_again_and_a_sheet_shows_them(
    server: RunningServer, tmp_path: Path
) -> None:
    shut = tmp_path / "shut"
    graph = gated(server, shut)
    shut.touch()
    axes = [
        {"node": "sample", "setting": "sampler", "values": ["dpmpp_2m", "euler"]},
        {"node": "positive", "setting": "prompt", "values": list(SUBJECTS)},
        {"node": "sample", "setting": "seed", "values": {"start": 1, "count": 5}},
    ]
    steps = next(node for node in graph["nodes"] if node["id"] == "sample")["settings"]
    steps["steps"] = 12
    asked = server.client.post(f"{API}/jobs", json={"graph": graph, "sweep": {"axes": axes}})
    assert asked.status_code == 201, asked.text
    batch = asked.json()["batch"]
    assert asked.json()["count"] == 30

    ended = server.batch(batch)
    assert (ended["counts"]["succeeded"], ended["counts"]["failed"]) == (29, 1)
    (failed,) = [cell for cell in cells(server, batch) if cell["status"] == "failed"]
    assert "the gate was shut" in str(failed["error"])
    before = sheet(server, batch)

    retried = server.client.post(f"{API}/batches/{batch}/retry").raise_for_status().json()
    assert retried["count"] == 1
    ended = server.batch(batch)
    assert ended["counts"]["succeeded"] == 30
    found = cells(server, batch)
    assert [len(cell["images"]) for cell in found] == [1] * 30
    again = next(cell for cell in found if cell["overrides"] == failed["overrides"])
    assert again["id"] != failed["id"]

    after = sheet(server, batch)
    assert after.shape == before.shape
    changed = (after != before).any(axis=2)
    rows, columns = changed.any(axis=1).nonzero()[0], changed.any(axis=0).nonzero()[0]
    assert 0 < rows.max() - rows.min() < 64  # of the cell that failed, and of no other
    assert 0 < columns.max() - columns.min() < 64

    eye = Eye()
    for prompt, subject in SUBJECTS.items():
        own = [cell for cell in found if cell["overrides"]["positive.prompt"] == prompt]
        pictures = stack([picture(server, cell["images"][0]) for cell in own])
        assert len(own) == 10
        assert eye.share(subject, pictures) >= 0.8, prompt
