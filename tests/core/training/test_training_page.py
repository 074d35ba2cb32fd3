"""What the page on training says is so: its commands, requests, fields and methods."""

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from core.records.recipe import METHODS, Recipe
from core.training import TrainConfig
from core.training.config import read
from core.training.defaults import METHODS as TRAINED
from core.training.defaults import defaults_of
from core.training.words import INSTANCE
from server import cli
from server.actions.jobs import Enqueue
from server.actions.taught import Train
from server.commands.train import written

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "training.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for line in re.findall(r"heliograph train [^\n`]*", PAGE)
    if "{" not in line
]  # fmt: skip


def block(kind: str, place: int = 0) -> str:
    return [text for name, text in BLOCKS if name == kind][place]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_one(line: str) -> None:
    found = cli.parser("train").parse_args(shlex.split(line)[1:])
    if found.recipe is None:
        assert isinstance(written.config(found), TrainConfig)


def test_the_request_is_one() -> None:
    ask = msgspec.json.decode(block("json"), type=Train)
    assert (ask.token, ask.method) == ("zxv", "lora")


def test_the_sweep_over_steps_is_one() -> None:
    ask = msgspec.json.decode(block("json", 1), type=Enqueue)
    assert ask.sweep is not None
    assert [axis.setting for axis in ask.sweep.axes] == ["model"]


def test_the_recipes_are_some() -> None:
    found = read(yaml.safe_load(block("yaml")))
    assert (found.method, found.lr_unet) == ("full", 2e-6)
    names: dict[str, Any] = {}
    exec(block("python"), names)
    assert names["config"].rank == 32


def test_every_field_of_the_table_is_one() -> None:
    table = PAGE.split("| field | chosen |")[1].split("\n\n")[0]
    fields = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row[:60])]
    chosen = [name for name in fields if getattr(Recipe(), name, "") is None]
    assert len(chosen) >= 11


def test_every_method_stands_in_the_table_and_what_is_said_of_them_is_so() -> None:
    table = PAGE.split("| `method` |")[1].split("\n\n")[0]
    assert set(METHODS) <= set(re.findall(r"`(\w+)`", table))
    assert {family for family, methods in TRAINED.items() if len(methods) == len(METHODS)} == {
        "sd1", "sd2", "sdxl",
    }  # fmt: skip
    assert TRAINED["flux"] == TRAINED["sd3"] == ("lora", "dora", "lokr")
    full, lora = defaults_of("full", "small"), defaults_of("lora", "small")
    assert (full.lr_unet, full.lr_te, full.least, full.most) == (2e-6, 1e-6, 400, 1200)
    assert (lora.lr_unet, lora.lr_te, lora.least, lora.most) == (1e-4, 5e-5, 500, 1500)
    assert defaults_of("lora", "huge").prior == "self_distill"
    assert INSTANCE in PAGE
