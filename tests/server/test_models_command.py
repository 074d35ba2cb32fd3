"""``heliograph models …`` on a data directory, without a server."""

import json
from pathlib import Path
from typing import Any

import pytest

from server import cli
from tests.core.library.files import LORA, pipeline, safetensors

pytestmark = pytest.mark.slow


class Shell:
    """Runs ``heliograph models`` on one data directory."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = cli.run(["models", *arguments, "--data-dir", str(self.folder)])
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "data", capsys)


def add(models: Shell, **fields: Any) -> None:
    """Put a model into the database, as a scan does."""
    import anyio

    from core.paths import Layout
    from core.store import models as store
    from core.store.work import NewModel
    from server.commands import opening

    async def write() -> None:
        async with opening.database(Layout(models.folder)) as db:
            new = {"name": "fox", "kind": "lora", "family": "sd1", "format": "single",
                   "root": "models", "file": "fox.safetensors", "bytes": 7_000_000, "changed": 1,
                   **fields}  # fmt: skip
            await db.write(lambda tx: store.upsert(tx, NewModel(**new)))

    anyio.run(write)


def test_models_are_listed_by_their_filters(models: Shell) -> None:
    add(models)
    add(
        models,
        name="flux",
        kind="checkpoint",
        family="flux",
        file="x",
        edition="fill",
        variant="fp8",
    )
    assert len(models("list")[1].splitlines()) == 2
    (line,) = models("list", "--kind", "lora")[1].splitlines()
    assert line.split()[1:] == ["lora", "sd1", "7", "MB", "fox"]
    (line,) = models("list", "--family", "flux")[1].splitlines()
    assert line.split()[1:4] == ["checkpoint", "flux", "fill"]
    assert json.loads(models("list", "-q", "FLU", "--json")[1])["variant"] == "fp8"
    assert models("list", "--missing")[1] == ""


def test_a_model_is_shown_and_edited_by_name_or_hash(models: Shell) -> None:
    add(models, sha256="0123456789" + "a" * 54)
    assert json.loads(models("show", "fox")[1])["family"] == "sd1"
    edited = json.loads(models("edit", "0123456789", "--trigger", "sks", "--kind", "other")[1])
    assert (edited["trigger"], edited["kind"], edited["name"]) == ("sks", "other", "fox")
    assert json.loads(models("show", edited["id"])[1]) == edited
    code, out, err = models("show", "nobody")
    assert (code, out) == (1, "")
    assert "nobody" in err


def test_a_scan_of_a_folder_shows_what_would_be_found(models: Shell, tmp_path: Path) -> None:
    root = tmp_path / "webui"
    pipeline(root / "models" / "Stable-diffusion" / "nice")
    safetensors(root / "models" / "Lora" / "fox.safetensors", LORA)
    (root / "models" / "ESRGAN").mkdir()
    (root / "models" / "ESRGAN" / "old.pth").write_bytes(b"\x80\x02}q\0.")
    code, out, _ = models("scan", str(root))
    first, fox, nice, passed = out.splitlines()
    assert (code, first) == (0, f"{root}: automatic1111, 2 models")
    assert fox.split()[:2] == ["lora", "sd1"]
    assert nice.endswith("nice  (models/Stable-diffusion/nice)")
    assert "models/ESRGAN/old.pth" in passed
    assert not models.folder.exists()  # nothing is written


def test_a_folder_is_adopted_and_left(models: Shell, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    assert models("adopt", str(tmp_path / "more"))[0] == 0
    assert models("adopt", str(tmp_path / "gone"))[0] == 1
    assert models("abandon", str(tmp_path / "more"))[0] == 0
    assert models("abandon", str(tmp_path / "more"))[0] == 1


def test_models_to_begin_with_are_listed(models: Shell) -> None:
    code, out, _ = models("recommend", "--family", "flux", "--json")
    assert code == 0
    assert {json.loads(line)["family"] for line in out.splitlines()} == {"flux"}
    assert "about" in models("recommend")[1]
