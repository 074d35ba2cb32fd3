"""What a node costs beside its work: a chain of 200 additions through the real engine."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.report import Row
from tests.running import running

NODES = 200
SINK = '''"""A sink for numbers: a graph needs a result."""

from core.engine import Context, Node


class Keep(Node, tag="bench.keep"):
    """Take a number."""

    def run(self, ctx: Context, a: float) -> None:
        """Do nothing with it."""
'''


def chain(start: float) -> dict[str, Any]:
    """Add one, two hundred times."""
    nodes: list[dict[str, Any]] = [
        {"id": "one", "type": "number.value", "settings": {"value": 1.0}},
        {"id": "n0", "type": "number.value", "settings": {"value": start}},
    ]
    nodes += [
        {"id": f"n{i}", "type": "number.add",
         "inputs": {"a": [f"n{i - 1}", "out"], "b": ["one", "out"]}}
        for i in range(1, NODES - 2)
    ]  # fmt: skip
    nodes.append({"id": "keep", "type": "bench.keep", "inputs": {"a": [nodes[-1]["id"], "out"]}})
    return {"nodes": nodes}


def measure() -> list[Row]:
    """Run the chain with fresh numbers, so that nothing comes from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        user_nodes = Path(folder) / "data" / "nodes"
        user_nodes.mkdir(parents=True)
        (user_nodes / "keep.py").write_text(SINK, "utf-8")
        seconds = _run_chains(Path(folder))
    return [
        Row(what="a trivial node in a graph of 200", unit="ms", target=0.1,
            value=statistics.median(seconds) * 1000 / NODES,
            beside="InvokeAI 6.14.2: 5.2–5.8 ms, measured apart"),
    ]  # fmt: skip


def _run_chains(folder: Path) -> list[float]:
    seconds: list[float] = []
    with running(folder) as server:
        for start in range(20):
            body = {"graph": chain(start + 0.5)}
            asked = server.client.post("/api/v1/jobs", json=body)
            assert asked.status_code == 201, asked.text
            job = asked.json()["jobs"][0]
            while (state := server.client.get(f"/api/v1/jobs/{job}").json())["status"] in (
                "queued",
                "running",
            ):
                time.sleep(0.005)
            assert state["status"] == "succeeded", state
            seconds.append(state["seconds"])
    return seconds
