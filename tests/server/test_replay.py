"""Drawing a picture again from its metadata: the request, what is told, and the command."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import HeliographError
from core.media import metadata
from core.media.metadata import Made, Used, ours
from core.records.graph import Graph, GraphNode
from server import replayed
from server.replayed import Remark, replay
from tests.running import RunningServer
from tests.server.studio import DRAW, Studio
from tests.server.test_process import command

HERE = [
    {"id": "01A", "name": "tiny", "sha256": "ab" * 32},
    {"id": "01B", "name": "Large", "sha256": None},
]
A1111 = (
    "a fox\nNegative prompt: rain\nSteps: 9, Sampler: Euler a, Schedule type: Karras, CFG scale: 7,"
    " Seed: 3, Size: 64x32, Model hash: {hash}, Model: {model}"
)


def picture(size: tuple[int, int] = (4, 4), shade: int = 0, **texts: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(out, "PNG", pnginfo=metadata.png_text(texts))
    return out.getvalue()


def made(**fields: Any) -> bytes:
    return picture(heliograph=ours.write(Made(version="0.1.0", **fields)))


def test_of_our_own_the_graph_is_drawn_as_it_was_and_alone() -> None:
    nodes = [
        GraphNode(id="model", type="model.load", settings={"checkpoint": "theirs"}),
        GraphNode(id="text", type="prompt.encode", settings={"prompt": "theirs"}),
    ]
    uses = {"theirs": Used(kind="checkpoint", name="theirs", sha256="ab" * 32)}
    data = made(graph=Graph(nodes=nodes), recipe={"prompt": "x"}, uses=uses)
    body = replay(data, HERE).body
    assert body["exact"] is True
    settings = [node["settings"] for node in body["graph"]["nodes"]]
    assert settings == [
        {"checkpoint": "01A"},
        {"prompt": "theirs"},
    ]  # the same file, by its id here
    elsewhere = replay(data, []).body["graph"]["nodes"]
    assert elsewhere[0]["settings"] == {"checkpoint": "theirs"}


def test_without_a_graph_the_recipe_is_drawn_without_what_is_of_the_place() -> None:
    recipe = {"name": "txt2img", "prompt": "x", "seed": 3, "board": "01Z", "model": "m"}
    uses = {"m": Used(kind="checkpoint", sha256="ab" * 32)}
    body = replay(made(recipe=recipe, left_out=["graph"], uses=uses), HERE).body
    assert body == {
        "exact": True,
        "recipe": {"name": "txt2img", "prompt": "x", "seed": 3, "model": "01A"},
    }


@pytest.mark.parametrize(
    ("hash_", "model", "found"),
    [("abababab12", "tiny", "01A"), ("ABABABABAB", "x", "01A"), ("0000000000", "large", "01B"),
     ("0000000000", "gone", None)],
)  # fmt: skip
def test_of_other_programs_what_has_a_counterpart_is_drawn(
    hash_: str, model: str, found: str | None
) -> None:
    again = replay(picture(parameters=A1111.format(hash=hash_, model=model)), HERE)
    recipe = again.body["recipe"]
    assert recipe.pop("model", None) == found
    assert recipe == {
        "name": "txt2img", "prompt": "a fox", "negative_prompt": "rain", "steps": 9, "seed": 3,
        "sampler": "euler_a", "scheduler": "karras", "guidance_scale": 7.0, "width": 64,
        "height": 32,
    }  # fmt: skip
    told = [remark.name for remark in again.remarks]
    assert told == (["noise"] if found else ["model", "noise"])


def test_what_cannot_be_drawn_again_is_told() -> None:
    text = (
        "a fox <lora:red:1>\nSteps: 9, Seed: 3, Size: 64x32, Denoising strength: 0.5, Model: tiny"
    )
    again = replay(picture(parameters=text), HERE)
    assert [remark.name for remark in again.remarks] == ["from_text", "loras", "noise"]
    assert again.remarks[1].params == {"names": "red"}
    assert again.body["recipe"]["prompt"] == "a fox"


def test_adapters_that_are_here_are_put_on_again() -> None:
    shelf = [{"id": name, "name": name, "kind": kind, "sha256": None}
             for name, kind in (("red", "lora"), ("cat", "embedding"))]  # fmt: skip
    text = (
        "a fox <lora:red:0.5> <lora:gone:1> embedding:cat embedding:owl\n"
        "Steps: 9, Seed: 3, Size: 64x32, Model: tiny"
    )
    again = replay(picture(parameters=text), [*HERE, *shelf])
    assert again.body["recipe"]["prompt"] == "a fox <lora:red:0.5>  embedding:cat owl"
    assert "loras" not in again.body["recipe"]
    assert again.remarks[0].params == {"names": "gone"}


def test_a_picture_that_says_nothing_is_refused() -> None:
    with pytest.raises(HeliographError, match="no_metadata"):
        replay(picture(), HERE)


def test_other_versions_and_other_files_are_told() -> None:
    before = Made(version="1", uses={"m": Used(kind="checkpoint", name="tiny", sha256="aa")})
    after = Made(version="2", uses={"m": Used(kind="checkpoint", name="tiny", sha256="bb")})
    assert replayed.compared(before, before) == []
    assert replayed.compared(before, after) == [
        Remark("version", {"before": "1", "after": "2"}),
        Remark("file", {"kind": "checkpoint", "name": "tiny"}),
    ]


@pytest.mark.anyio
async def test_the_server_takes_what_is_replayed(studio: Studio) -> None:
    drawn = (await studio.generate(sampler="dpmpp_2m", scheduler="karras"))["images"][0]
    data = (await studio.client.get(drawn["url"])).content
    listed = (await studio.client.get("/api/v1/models")).json()["items"]
    for source in (data, picture(parameters=A1111.format(hash="ab" * 5, model="tiny"))):
        answer = await studio.client.post("/api/v1/jobs", json=replay(source, listed).body)
        assert answer.status_code == 201, answer.text
        (job,) = answer.json()["jobs"]
        assert (await studio.ended(job))["status"] == "succeeded"
    again = (await studio.client.get("/api/v1/images")).json()["items"][1]
    same = {name: again[name] for name in ("prompt", "seed", "steps", "sampler", "model", "width")}
    assert same == {name: drawn[name] for name in same}
    assert same["prompt"] == DRAW["prompt"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_command_draws_again_and_says_what_differs(tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path / "data"), "--fake-engine", "--quiet")
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        first, second = tmp_path / "first.png", tmp_path / "second"
        assert (
            command("generate", "a fox", "-o", str(first), "--steps", "1", *flags).returncode == 0
        )
        again = command("replay", str(first), "-o", str(second), *flags)
        assert again.returncode == 0, again.stderr
        assert again.stdout.strip() == str(second.with_suffix(".png"))
        assert "Every pixel is the same." in again.stderr
        first.write_bytes(picture(parameters=A1111.format(hash="0" * 10, model="gone")))
        theirs = command("replay", str(first), "-o", str(second), *flags)
        assert theirs.returncode == 0, theirs.stderr
        assert "gone" in theirs.stderr
        assert "another size" in theirs.stderr
        first.write_bytes(picture())
        nothing = command("replay", str(first), *flags)
        assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
        missing = command("replay", str(tmp_path / "none.png"), *flags)
        assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
        assert len(server.client.get("/api/v1/images").json()["items"]) == 3
