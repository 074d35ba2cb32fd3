"""A large workflow under a hand: it is panned far off and close up, and a node is dragged.

Rows of ``python -m tests.bench web``, by way of ``hand``.
"""

import json

from playwright.sync_api import FilePayload, Page, expect

from tests.bench import frames
from tests.bench.report import Row, quantile
from tests.running import RunningServer

GRAPHS = 50
_GRAPH: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "model": ("model.load", {}),
    "prompt": ("prompt.encode", {"text_encoder": ("model", "text_encoder")}),
    "empty": ("latent.empty", {"vae": ("model", "vae")}),
    "sample": ("latent.sample", {
        "model": ("model", "model"), "positive": ("prompt", "out"), "latent": ("empty", "out"),
    }),
    "decode": ("latent.decode", {"vae": ("model", "vae"), "latent": ("sample", "out")}),
    "save": ("image.save", {"image": ("decode", "out")}),
}  # fmt: skip
_FREE = """
    () => {
        for (let y = 80; y < 380; y += 10) {
            for (let x = 100; x < 600; x += 10) {
                const met = document.elementFromPoint(x, y);
                if (met?.classList.contains("react-flow__pane")) return [x, y];
            }
        }
        throw new Error("no free place on the board");
    }
"""
_HEAD = """
    (heads) => {
        for (const head of heads) {
            const { x, y, width, height } = head.getBoundingClientRect();
            const at = [x + width / 2, y + height / 2];
            if (at[0] < 600 && at[1] < 380 && document.elementFromPoint(...at) === head) return at;
        }
        throw new Error("no node in sight");
    }
"""
_BARE = """
    <style>
        body { margin: 0; overflow: hidden; }
        section { transform-origin: 0 0; }
        div { position: absolute; width: 264px; height: 300px; background: #888; }
    </style>
    <section></section>
    <script>
        const board = document.querySelector("section");
        const put = (x, y) => { board.style.transform = `translate(${x}px, ${y}px) scale(0.1)`; };
        for (let at = 0; at < COUNT; at += 1) {
            const box = board.appendChild(document.createElement("div"));
            box.style.transform = `translate(${at % 30 * 320}px, ${Math.floor(at / 30) * 480}px)`;
        }
        put(0, 0);
        onmousemove = (event) => { if (event.buttons) put(event.clientX, event.clientY); };
    </script>
"""


def workflow(page: Page, server: RunningServer) -> list[Row]:
    """Move a large workflow by the mouse: all of it, and a part and one node as large as one reads.

    Beside it stand as many plain boxes, moved in the same way: what is left for us to save.
    """
    page.goto(f"{server.url}/#/workflow")
    page.get_by_role("button", name="Text to picture").wait_for()
    file = FilePayload(name="large.json", mimeType="application/json", buffer=made(GRAPHS))
    page.locator("input[type=file][accept*=json]").first.set_input_files(file)
    expect(page.locator(".react-flow__node").first).to_be_visible(timeout=60_000)
    frames.begin(page)
    bare = _bare(page)
    whole = _dragged(page, *page.evaluate(_FREE))
    for _ in range(3):  # as large as one reads
        page.locator(".react-flow__pane").hover(position={"x": 300, "y": 300}, force=True)
        page.mouse.wheel(0, -400)
    page.wait_for_timeout(500)
    some = _dragged(page, *page.evaluate(_FREE))
    head = page.locator(".wf-node strong").evaluate_all(_HEAD)
    one = _dragged(page, *head)
    return [
        Row(what=f"workflow of {6 * GRAPHS + 1} nodes, {name}: a frame meanwhile, p95",
            value=quantile(times, 0.95), unit="ms", target=50,
            beside=f"p50 {quantile(times, 0.5):.0f}, most {max(times):.0f} ms, {len(times)} "
            f"frames; as many plain boxes p95 {quantile(bare, 0.95):.0f}, most {max(bare):.0f} ms")
        for name, times in (
            ("all in sight, panned", whole), ("some in sight, panned", some),
            ("a node dragged", one),
        )
    ]  # fmt: skip


def _bare(page: Page) -> list[float]:
    """Pan plain boxes in a page of their own: what browser and machine cost by themselves."""
    other = page.context.new_page()
    other.set_content(_BARE.replace("COUNT", str(6 * GRAPHS + 1)))
    frames.begin(other)
    times = _dragged(other, 500, 90)
    other.close()
    page.bring_to_front()
    return times


def _dragged(page: Page, x: float, y: float) -> list[float]:
    """Drag there and back, three times; give what the frames of the last two took."""
    times: list[float] = []
    for turn in range(3):
        page.mouse.move(x, y)
        page.mouse.down()
        frames.taken(page)
        page.mouse.move(x + 300, y + 410, steps=20)
        page.mouse.move(x, y, steps=20)
        took, _ = frames.taken(page)
        page.mouse.up()
        if turn:
            times += took
    return times


def made(graphs: int) -> bytes:
    """Make a file of a workflow: graphs of six nodes, and one node more."""
    nodes, places = [], {}
    for at in range(graphs):
        for row, (name, (kind, inputs)) in enumerate(_GRAPH.items()):
            ends = {port: [f"{end}{at}", out] for port, (end, out) in inputs.items()}
            nodes.append({"id": f"{name}{at}", "type": kind, "inputs": ends})
            places[f"{name}{at}"] = [(at % 5 * 6 + row) * 320, at // 5 * 480]
    nodes.append({"id": "alone", "type": "latent.empty"})
    places["alone"] = [0, graphs // 5 * 480 + 480]
    file = {"name": "Large", "graph": {"nodes": nodes}, "layout": {"nodes": places}}
    return json.dumps(file).encode()
