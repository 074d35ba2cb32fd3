"""Prompts that nobody should write: each gives a picture or a clear error, through every door.

The server is real, and so is its engine process.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.running import ROOT, SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
LONGEST = 16_384  # characters that a prompt may have
CUT, LITERAL = ["prompt_cut"], ["prompt_literal"]

DRAWN: dict[str, tuple[str, list[str]]] = {  # prompt → what the job says was not as asked
    "empty": ("", []),
    "blank": (" \t\n\u00a0\u3000", []),
    "of unknown words": ("qwzx vlorp brimmet", []),
    "of 10,000 characters": ("a fox, " * 1428 + "fox!", CUT),
    "as long as may be, one word": ("x" * LONGEST, CUT),
    "in Arabic": ("ثعلب أحمر", []),
    "in Arabic, at length": ("ثعلب أحمر على خلفية زرقاء سماوية فاتحة", []),
    "in Japanese": ("青い背景の狐", []),
    "in Hindi, composed": ("लोमड़ी", []),
    "of emoji": ("👨‍👩‍👧‍👦🦊", []),
    "of marks alone": ("\u0301" * 4000, CUT),
    "turned around": ("\u202efox\u202c \u2066red\u2069", []),
    "beyond Unicode's characters": ("\ufffe\uffff\U0010ffff", []),
    "of commas": ("," * 4000, CUT),
    "of brackets": ("(" * 4000 + "fox" + ")" * 4000, LITERAL + CUT),
    "weighted": ("a (red:1.3) fox++ [on blue:in snow:0.5] BREAK (sky)", []),
    "blended": ('("a fox", "an owl").blend(0.7, 0.3)', []),
    "weighted, unbalanced": ("((fox:1.5), [red:(", LITERAL),
    "of the tokenizer's own words": ("<|startoftext|><|endoftext|> fox", []),
    "a command": ("'; DROP TABLE jobs; -- $(reboot) {{7*7}} %s %n", []),
}
REFUSED: dict[str, tuple[bytes, int, str]] = {  # body → status and code
    "too long": (b'"' + b"x" * (LONGEST + 1) + b'"', 422, "too_long"),
    "half a surrogate pair": (rb'"\ud800 fox"', 400, ""),
    "half of another": (rb'"fox \udfff"', 400, ""),
    "no UTF-8": (b'"\xff\xfe fox"', 400, ""),
    "a number": (b"7", 422, "wrong_type"),
    "a list": (b'["a fox"]', 422, "wrong_type"),
    "nothing": (b"null", 422, "wrong_type"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("prompts"), device="cpu") as started:
        yield started
        # Whatever was asked: no engine died of it, and no line of the log is a traceback.
        told = started.log.read_text("utf-8", "replace")
        assert "engine ended" not in told, told[-4000:]
        assert "Traceback" not in told, told[-4000:]


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


@pytest.mark.parametrize("name", DRAWN)
def test_a_strange_prompt_is_drawn_and_what_was_cut_is_told(
    server: RunningServer, name: str
) -> None:
    prompt, expected = DRAWN[name]
    for _ in range(1 + bool(expected)):  # told again where it is taken from the cache
        made = server.generate(prompt=prompt, steps=1, seed=3)
        (job,), (image,) = made["jobs"], made["images"]
        assert (job["status"], job["degraded"]) == ("succeeded", expected)
        file = server.client.get(f"/api/v1/images/{image['id']}/file")
        assert size_of(file.content) == (SMALL["width"], SMALL["height"])
        assert image["prompt"] == prompt


def test_an_adapter_that_is_not_there_is_refused_and_in_a_negative_prompt_told(
    server: RunningServer,
) -> None:
    body = SMALL | {"prompt": "a fox <lora:none:0.8>"}
    answer = server.client.post("/api/v1/generate", json=body)
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert (problem["code"], problem["pointer"]) == ("unknown_model", "/prompt")
    made = server.generate(prompt="a fox", negative_prompt="rain <lora:none:0.8>", steps=1)
    assert made["jobs"][0]["degraded"] == ["loras_unused"]


def test_what_was_cut_of_a_negative_prompt_is_told_too(server: RunningServer) -> None:
    made = server.generate(prompt="a fox", negative_prompt="rain, " * 1000, steps=1)
    assert made["jobs"][0]["degraded"] == CUT


@pytest.mark.parametrize("name", REFUSED)
def test_a_prompt_that_is_no_text_is_refused_in_words(server: RunningServer, name: str) -> None:
    prompt, status, code = REFUSED[name]
    answer = server.client.post(
        "/api/v1/generate",
        content=b'{"steps": 1, "prompt": ' + prompt + b"}",
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    assert said["code"]
    assert said["detail"]
    if code:
        assert [(one["pointer"], one["code"]) for one in said["errors"]] == [("/prompt", code)]


@pytest.mark.parametrize("prompt", ["a\0fox", "\0"])
def test_a_prompt_with_a_nought_in_it_is_drawn_or_refused(
    server: RunningServer, prompt: str
) -> None:
    answer = server.client.post(
        "/api/v1/generate",
        json=SMALL | {"prompt": prompt, "steps": 1},
        headers={"prefer": "wait=60"},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["code"] == "bad_text"


def command(
    server: RunningServer, prompt: str | bytes, file: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable, "-m", "server", "generate", prompt, "-o", str(file), "--quiet",
            "--steps", "1", "--width", "64", "--height", "64",
            "--data-dir", str(server.data_dir),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["of 10,000 characters", "of emoji"])
def test_the_command_line_draws_a_strange_prompt_and_says_what_was_cut(
    server: RunningServer, tmp_path: Path, name: str
) -> None:
    prompt, expected = DRAWN[name]
    done = command(server, prompt, tmp_path / "picture.png")
    assert done.returncode == 0, done.stderr
    assert size_of((tmp_path / "picture.png").read_bytes()) == (64, 64)
    assert len(done.stderr.splitlines()) == len(expected), done.stderr
    assert ("its end was left out" in done.stderr) == (expected == CUT)


def test_words_of_a_terminal_that_are_no_text_are_refused_in_a_line(
    server: RunningServer, tmp_path: Path
) -> None:
    failed = command(server, b"\xff\xfe fox", tmp_path / "none.png")
    assert failed.returncode == 1
    assert failed.stderr == "heliograph: The text holds characters that cannot be stored.\n"
    assert not (tmp_path / "none.png").exists()
