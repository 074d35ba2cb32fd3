"""Models on the command line: converted by a server of its own, verified, taken out of a pickle."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.commands.models import convert
from tests.contract.test_task_contract import model

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "lora"),
    [("fox", ("fox", 1.0)), ("fox:0.8", ("fox", 0.8)), ("a:b:-1", ("a:b", -1.0)),
     ("a:b", ("a:b", 1.0))],
)  # fmt: skip
def test_a_lora_is_named_with_or_without_its_weight(text: str, lora: tuple[str, float]) -> None:
    assert convert._lora(text) == lora


def test_a_model_is_converted_and_listed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    model(data / "models" / "m")
    flags = ("--data-dir", str(data), "--fake-engine", "--quiet")
    made = command("models", "convert", "m", "--dtype", "fp16", "--name", "half", *flags)
    assert made.returncode == 0, made.stderr
    assert made.stdout.split()[-1] == "half"
    assert (data / "models" / "half" / "model_index.json").is_file()
    again = command("models", "convert", "m", "--dtype", "fp16", "--name", "half", *flags)
    assert again.returncode == 1
    assert '"half"' in again.stderr
    assert "Traceback" not in again.stderr
    unknown = command("models", "convert", "nobody", "--dtype", "fp16", *flags)
    assert (unknown.returncode, '"nobody"' in unknown.stderr) == (1, True)


def test_verifying_prints_a_table(tmp_path: Path) -> None:
    data = tmp_path / "data"
    model(data / "models" / "m")
    made = command(
        "models", "verify", "m", "--steps", "2", "--data-dir", str(data), "--fake-engine", "--quiet"
    )
    assert made.returncode == 0, made.stderr
    head, line = made.stdout.splitlines()
    assert head.split()[:3] == ["model", "device", "format"]
    assert line.split()[0] == "m"
    assert line.endswith("yes")


def test_what_is_no_pickle_ends_in_words(tmp_path: Path) -> None:
    nothing = command("models", "convert", "--from-pickle", str(tmp_path / "none.pth"))
    assert nothing.returncode == 1
    assert "none.pth" in nothing.stderr
    neither = command("models", "convert")
    assert neither.returncode == 1
    assert "--from-pickle" in neither.stderr
