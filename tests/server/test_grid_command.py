"""Sweeps on the command line: texts become axes, and what came of them one picture."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from server.commands import grid
from tests.server.test_process import command


@pytest.mark.parametrize(
    ("text", "setting", "values"),
    [
        ("seed=1..5", "seed", {"start": 1, "stop": 5}),
        ("seed=10..1:-3", "seed", {"start": 10, "stop": 1, "step": -3}),
        ("guidance_scale=1.5..3:0.5", "guidance_scale", {"start": 1.5, "stop": 3, "step": 0.5}),
        ("seed=random:3", "seed", {"random": 3}),
        ("init_image=board:01K0", "init_image", {"board": "01K0"}),
        ("init_image=folder:/photos/a, b", "init_image", {"folder": "/photos/a, b"}),
        ("sampler=euler, ddim", "sampler", ["euler", "ddim"]),
        ("steps=10,20", "steps", [10, 20]),
        ("only_masked=true,false", "only_masked", [True, False]),
        ('prompt=["a, b", "c=d"]', "prompt", ["a, b", "c=d"]),
        ("prompt=a..b", "prompt", ["a..b"]),
    ],
)
def test_a_text_is_an_axis(text: str, setting: str, values: Any) -> None:
    assert grid.axis(text) == {"setting": setting, "values": values}


def test_a_text_after_the_setting_is_what_is_replaced() -> None:
    assert grid.axis("prompt:red fox=owl,cat") == {
        "setting": "prompt", "replace": "red fox", "values": ["owl", "cat"],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "seed", "seed=", "=1", "prompt=[1,", " = "])
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        grid.axis(text)


def test_the_recipe_is_the_one_that_generate_would_choose() -> None:
    parsed = argparse.Namespace(sweep=[grid.axis("init_image=board:x")], zip=True)
    made = grid.body({"prompt": "a fox", "steps": 3}, parsed)
    assert made["recipe"] == {"name": "img2img", "prompt": "a fox", "steps": 3}
    assert made["sweep"]["mode"] == "zip"
    parsed = argparse.Namespace(sweep=[grid.axis("seed=1..2")], zip=False)
    assert grid.body({"prompt": "a fox"}, parsed)["recipe"]["name"] == "txt2img"
    outside = grid.body({"prompt": "a fox", "extend_left": 8, "init_image": "x"}, parsed)
    assert outside["recipe"]["name"] == "outpaint"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_sweep_is_drawn_and_shown_on_one_sheet(tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path / "data"), "--fake-engine", "--quiet", "--steps", "1")
    sheet = tmp_path / "sheet.webp"
    made = command(
        "generate", "a fox", "--sweep", "seed=1..3", "--sweep", "prompt:fox=fox,owl",
        "--sheet", str(sheet), *flags,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == [str(sheet)]
    assert sheet.read_bytes().startswith(b"RIFF")
    wrong = command("generate", "a fox", "--sweep", "nothing", *flags)
    assert wrong.returncode == 2
    refused = command("generate", "a fox", "--sweep", "steps=0", *flags)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    both = command(
        "generate", "a {red|blue} fox", "--dynamic", "combinatorial", "-o",
        str(tmp_path / "fox.png"), *flags,
    )  # fmt: skip
    assert both.returncode == 0, both.stderr
    assert [Path(line).name for line in both.stdout.split()] == ["fox-1.png", "fox-2.png"]
