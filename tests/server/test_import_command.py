"""``heliograph import``, without a server and with one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.foreign import MAKERS, InvokeAI
from tests.running import ROOT, RunningServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def command(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", "import", *arguments, "--data-dir", str(data)],
        cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def test_a_folder_is_taken_in_and_what_was_left_out_is_said(tmp_path: Path) -> None:
    theirs = InvokeAI(tmp_path / "invokeai")
    theirs.add("a.png", MAKERS["invoke.png"]("a fox", 1), "Foxes", starred=1)
    (theirs.images / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (theirs.images / "notes.txt").write_bytes(b"notes")
    data = tmp_path / "data"
    ask = (str(theirs.images), "--reference", "--invokeai", str(theirs.database))
    done = command(data, *ask)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.splitlines() == [
        "1 added, 0 known, 2 refused",
        "       1  Not a picture",
        "       1  Damaged picture",
        "          cut.png",
    ]
    with RunningServer(data, fake_engine="1") as server:
        again = command(data, *ask, "--quiet")
        assert again.stdout.startswith("0 added, 1 known")
        (board,) = server.client.get("/api/v1/boards").json()["items"]
        (image,) = server.client.get("/api/v1/images", params={"board": board["id"]}).json()[
            "items"
        ]
        assert (board["name"], image["starred"], image["seed"]) == ("Foxes", True, 1)
        gone = command(data, str(tmp_path / "none"))
        assert (gone.returncode, gone.stderr) == (
            1, "heliograph: folder: There is no such folder.\n",
        )  # fmt: skip
