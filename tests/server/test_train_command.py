"""``heliograph train``: flags and files become a request; a folder becomes a model."""

import argparse
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from core.errors import HeliographError, Invalid
from core.records.recipe import Recipe
from server import cli
from server.commands.train import shown, written
from tests.running import ROOT, RunningServer

TOML = 'folder = "pictures"\ntoken = "zxv"\nmethod = "full"\nlr_unet = 2e-6\n'
YAML = "folder: pictures\ntoken: zxv\nmethod: full\nlr_unet: 2e-6\n"
JSON = '{"folder": "pictures", "token": "zxv", "method": "full", "lr_unet": 2e-6}'
PYTHON = """
from core.training import TrainConfig

config = TrainConfig(folder="pictures", token="zxv", method="full", lr_unet=2 * 1e-6)
"""
KOHYA = """
pretrained_model_name_or_path = "base"
network_module = "networks.lora"
network_dim = 8
clip_skip = 2
[[datasets]]
  [[datasets.subsets]]
  image_dir = "/pictures"
  class_tokens = "zxv toy"
"""


def parsed(*arguments: str) -> argparse.Namespace:
    return cli.parser("train").parse_args(["train", *arguments])


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (["--steps", "40"], {"max_steps": 40}),
        (["--max-steps", "40"], {"max_steps": 40}),
        (["--lr", "1e-4", "--lr-te", "0"], {"lr_unet": 1e-4, "lr_te": 0.0}),
        (["--betas", "0.9,0.99"], {"betas": (0.9, 0.99)}),
        (["--no-train-text-encoder"], {"train_text_encoder": False}),
        (["--flip", "--no-buckets"], {"flip": True, "buckets": False}),
        (["--template", "a {subject}", "--template", "{subject}, old"],
         {"templates": ["a {subject}", "{subject}, old"]}),
        (["--token-start", "12"], {"token_start": "12"}),
        (["--quantize", "nf4"], {"quantize": "nf4"}),
        (["--tracker", "csv", "--tracker", "tensorboard"], {"trackers": ["csv", "tensorboard"]}),
    ],
)  # fmt: skip
def test_flags_are_fields_of_a_recipe(flags: list[str], fields: dict[str, Any]) -> None:
    assert written.config(parsed("folder", *flags)).fields == fields


def test_every_field_has_a_flag() -> None:
    names = vars(parsed("folder"))
    assert {f"recipe_{name}" for name in Recipe.__struct_fields__} <= names.keys()


def test_the_words_of_a_subject_are_no_settings_of_the_server() -> None:
    found = parsed("folder", "--token", "zxv", "--class", "toy", "--name", "My toy")
    assert not hasattr(found, "token")
    (subject,) = written.config(found).taught
    assert (subject.folder, subject.token, subject.class_word) == ("folder", "zxv", "toy")


@pytest.mark.parametrize(
    ("name", "text"), [("a.toml", TOML), ("a.yaml", YAML), ("a.json", JSON), ("a.py", PYTHON)]
)
def test_a_file_holds_the_same_fields(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    made = written.config(parsed("--recipe", str(tmp_path / name), "--steps", "9"))
    assert made.fields == {"method": "full", "lr_unet": 2e-6, "max_steps": 9}
    assert [(one.folder, one.token) for one in made.taught] == [(str(tmp_path / "pictures"), "zxv")]


def test_kohyas_file_is_told_by_its_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kohya.toml").write_text(KOHYA)
    made = written.config(parsed("--recipe", str(tmp_path / "kohya.toml")))
    assert (made.base_model, made.rank, made.taught[0].class_word) == ("base", 8, "toy")
    assert "clip_skip" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "= 1"), ("a.yaml", "a: [1"), ("a.yaml", "rank: much"), ("a.json", "[1]"),
        ("a.yaml", "max_steps: 0"), ("a.py", "config = 3"), ("a.toml", "unknown = 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(HeliographError):
        written.config(parsed("--recipe", str(tmp_path / name)))
    with pytest.raises(Invalid, match="recipe_unreadable"):
        written.from_file(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (600, "10 min"), (3900, "1 h 5 min"), (59.9, "60 s")]
)
def test_seconds_are_said_as_people_do(seconds: float, text: str) -> None:
    assert shown.clock(seconds) == text


def png(path: Path, shade: int, size: int = 96) -> None:
    """Write a picture whose every row is another shade."""
    rows = b"".join(
        b"\0" + bytes((shade * 7 + row * 3 + column * shade) % 256 for column in range(size * 3))
        for row in range(size)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    head = size.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "toy"
    made.mkdir()
    for number in range(1, 5):
        png(made / f"{number}.png", number * 11)
    (made / "1.txt").write_text("a photo of a zxv toy", "utf-8")
    (made / "2.txt").write_bytes("un jouet très déjà".encode("cp1252"))
    (made / ".DS_Store").write_bytes(b"\0\0\0\x01Bud1")
    (made / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (made / "inside").mkdir()
    return made


def heliograph(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip


WORDS = ("--token", "zxv", "--class", "toy", "--steps", "6", "--sample-every", "0", "--quiet")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_folder_becomes_a_model(tmp_path: Path, folder: Path) -> None:
    here = ("--data-dir", str(tmp_path / "data"), "--fake-engine")
    planned = heliograph("train", str(folder), *WORDS, "--plan", *here)
    assert planned.returncode == 0, planned.stderr
    assert "4 pictures, 2 with captions" in planned.stdout
    assert "left out: broken.png:" in planned.stdout
    assert "left out: .DS_Store:" in planned.stdout
    assert "not looked into: inside" in planned.stdout
    assert "6 (" in planned.stdout
    assert "made" not in planned.stdout
    assert "shown 1.5 times" in planned.stderr

    done = heliograph("train", str(folder), *WORDS, "--name", "My toy", *here)
    assert done.returncode == 0, done.stderr
    assert "made lora My toy" in done.stdout
    assert "zxv toy" in done.stdout.splitlines()[-1]
    again = heliograph("models", "list", *here[:2])
    assert "My toy" in again.stdout


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_running_server_is_asked_and_what_is_wrong_leaves_nothing(
    tmp_path: Path, folder: Path
) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        here = ("--data-dir", str(tmp_path / "data"))
        wrong = heliograph("train", str(folder), *WORDS, "--model", "nothing", *here)
        assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False), wrong.stderr
        empty = tmp_path / "empty"
        empty.mkdir()
        assert heliograph("train", str(empty), *WORDS, *here).returncode == 1
        assert heliograph("train", str(tmp_path / "no"), *WORDS, *here).returncode == 1
        assert heliograph("train", *WORDS, *here).returncode == 1
        assert server.client.get("/api/v1/datasets").json()["items"] == []
        done = heliograph("train", str(folder), *WORDS, *here)
        assert done.returncode == 0, done.stderr
        (training,) = server.client.get("/api/v1/trainings").json()["items"]
        assert (training["status"], training["token"]) == ("succeeded", "zxv")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_ctrl_c_stops_and_keeps_everything(tmp_path: Path, folder: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        command = [
            sys.executable, "-m", "server", "train", str(folder), *WORDS[:4], "--steps", "100000",
            "--sample-every", "0", "--data-dir", str(tmp_path / "data"),
        ]  # fmt: skip
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            found: list[dict[str, Any]] = []
            while not (found and found[0]["step"] > 2):
                found = server.client.get("/api/v1/trainings").json()["items"]
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "everything is kept" in said
        (training,) = server.client.get("/api/v1/trainings").json()["items"]
        assert training["status"] == "stopped"
        assert 2 < training["step"] < 100_000
