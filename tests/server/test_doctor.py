"""The doctor as people call it, on machines that are ill in one way or another.

Only the machine is made up: programs on the PATH, packages on the Python path, folders, limits.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from core.store.models import NewModel
from server import doctor
from server.doctor import Machine
from tests.running import ROOT
from tests.server.studio import Opener

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts on the PATH")


def examine(folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    held = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
    return subprocess.run(
        [sys.executable, "-m", "server", "doctor", "--quick", "--data-dir", str(folder),
         "--port", "0"],
        cwd=ROOT, env={**held, **environ}, capture_output=True, text=True, timeout=15,
    )  # fmt: skip


def package(folder: Path, version: str, module: str = "") -> Path:
    """Install a PyTorch of a version, as far as anybody can see without importing it."""
    info = folder / f"torch-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    if module:
        (folder / "torch").mkdir()
        (folder / "torch" / "version.py").write_text(module)
    return folder


def card(folder: Path) -> str:
    """Put an ``nvidia-smi`` on the PATH."""
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def lines_after(said: str, word: str) -> list[str]:
    """Give the line that holds a word, and the one below it."""
    lines = said.splitlines()
    place = next(number for number, line in enumerate(lines) if word in line)
    return lines[place : place + 2]


@pytest.mark.parametrize(
    ("version", "module"),
    [("2.13.0+cpu", ""), ("2.13.0", "__version__ = '2.13.0'\ncuda: Optional[str] = None\n")],
)
def test_an_nvidia_card_with_a_torch_for_the_cpu_is_seen_and_the_fix_printed(
    tmp_path: Path, version: str, module: str
) -> None:
    found = examine(
        tmp_path / "data",
        PATH=card(tmp_path / "bin"),
        PYTHONPATH=str(package(tmp_path / "site", version, module)),
    )
    assert found.returncode == 1, found.stderr
    said, fix = lines_after(found.stdout, "PyTorch")
    assert said.startswith("NO ")
    assert f"PyTorch {version} can only use the CPU" in said
    assert "pip install" in fix
    assert "torch==2.13.0 --index-url https://download.pytorch.org/whl/cu" in fix


def test_a_torch_with_cuda_beside_a_card_is_well(tmp_path: Path) -> None:
    module = "__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n"
    site = package(tmp_path / "site", "2.13.0", module)
    found = examine(tmp_path / "data", PATH=card(tmp_path / "bin"), PYTHONPATH=str(site))
    assert lines_after(found.stdout, "PyTorch")[0].startswith("ok ")


def test_a_disk_below_the_floor_is_a_problem(tmp_path: Path) -> None:
    found = examine(tmp_path / "data", HELIOGRAPH_DISK_FLOOR_MB="1000000000")
    assert found.returncode == 1
    said, fix = lines_after(found.stdout, "GiB free")
    assert "the queue is paused" in said
    assert "--data-dir" in fix


def test_an_old_sqlite_is_a_problem(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sqlite3\nsqlite3.sqlite_version_info = (3, 31, 1)\n"
    )
    found = examine(tmp_path / "data", PYTHONPATH=str(site))
    assert found.returncode == 1
    said, fix = lines_after(found.stdout, "SQLite")
    assert "SQLite 3.31.1 is too old" in said
    assert "newer Python" in fix


def test_a_taken_port_and_a_folder_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = examine(tmp_path / "file" / "data", HELIOGRAPH_PORT=str(port))
        assert Machine().port_is_taken("127.0.0.1", port)
    assert found.returncode == 1
    assert "cannot be written" in found.stdout
    assert "Traceback" not in found.stderr


def test_every_finding_that_is_not_well_has_a_fix(tmp_path: Path) -> None:
    found = examine(tmp_path / "data")
    assert "Traceback" not in found.stderr
    lines = found.stdout.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("NO ", "(!)")):
            assert lines[number + 1].lstrip().startswith("→")
    assert {"ok "} & {line[:3] for line in lines}
    assert doctor.SQLITE_MIN <= Machine().sqlite_version()


@pytest.mark.anyio
async def test_the_models_command_lists_what_the_library_holds(
    opener: Opener, tmp_path: Path
) -> None:
    from core.store import models

    async with opener() as studio:
        for number in range(3):
            new = NewModel(
                name=f"fox {number}", kind="lora", family="sdxl", format="single",
                root="models", file=f"fox{number}.safetensors", bytes=5_000_000, changed=1,
            )  # fmt: skip
            await studio.state.db.write(lambda tx, new=new: models.upsert(tx, new))
    held = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
    with anyio.fail_after(15):
        listed = await anyio.run_process(
            [sys.executable, "-m", "server", "models", "list", "--data-dir", f"{tmp_path}/data"],
            cwd=ROOT, env=held,
        )  # fmt: skip
    lines = listed.stdout.decode().splitlines()
    assert [line.split()[-2:] for line in lines[:3]] == [["fox", "2"], ["fox", "1"], ["fox", "0"]]
    assert "lora" in lines[0]
    assert "sdxl" in lines[0]
    assert "5 MB" in lines[0]
    assert lines[-1].split()[-1] == "tiny"
