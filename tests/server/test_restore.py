"""A backup is worth what comes back from it: copy, go on, put back, and look at what is there."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.paths import Layout
from tests.running import ROOT, RunningServer
from tests.server.test_disk_full import SLOW, accepted, reaches, status, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def gallery(server: RunningServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/api/v1/images").json()["items"]
    return found


def draw(server: RunningServer, count: int) -> None:
    for job in accepted(server, count=count):
        reaches(server, job, "succeeded", 20)


def test_what_was_there_at_the_backup_is_there_after_it_was_put_back(tmp_path: Path) -> None:
    copy, data = tmp_path / "copy.db", tmp_path / "data"
    with RunningServer(data, fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        draw(server, 5)
        server.client.post("/api/v1/queue/pause")
        waiting = accepted(server, **SLOW, count=3)
        then = gallery(server)
        made = command("backup", str(copy), "--data-dir", str(data))
        assert (made.returncode, made.stdout.strip()) == (0, str(copy))
        server.client.post("/api/v1/queue/clear")
        server.client.post("/api/v1/queue/resume")
        draw(server, 4)
        newer = [image for image in gallery(server) if image not in then]
        assert len(newer) == 4
        refused = command("restore", str(copy), "--data-dir", str(data))
        assert refused.returncode == 75, refused.stderr
        server.kill()
    layout = Layout(data)
    assert layout.database.with_name("heliograph.db-wal").exists()  # a log of the wrong database
    put = command("restore", str(copy), "--data-dir", str(data))
    assert put.returncode == 0, put.stderr
    aside = Path(put.stdout.splitlines()[1].split("  ")[0])
    assert {path.name for path in aside.iterdir()} == {"heliograph.db", "heliograph.db-wal"}
    for _ in range(2):  # the second start knows no more of the copy, and still spares them
        with RunningServer(data, fake_engine="1") as server:
            server.wait_for("/readyz", 30)
            assert gallery(server) == then
            queue = server.client.get("/api/v1/queue").json()
            assert (queue["paused"], queue["counts"]["queued"]) == (True, 3)
            assert [status(server, job) for job in waiting] == ["queued"] * 3
            until(lambda: "reconcil" in server.log.read_text(), 20, "files and rows were compared")
            for image in newer:
                assert layout.image(image["id"]).exists(), "drawn after the copy was made"
            assert server.stop() == 0
    with closing(sqlite3.connect(aside / "heliograph.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT COUNT(*) FROM images").fetchone()[0] == 9


def test_a_copy_that_is_not_sound_changes_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    with RunningServer(layout.root, fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        draw(server, 1)
        assert server.stop() == 0
    before = layout.database.read_bytes()
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    torn = tmp_path / "torn.db"
    torn.write_bytes(before[: len(before) // 2])
    newer = tmp_path / "newer.db"
    newer.write_bytes(before)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 999")
    for bad in (foreign, torn, newer, tmp_path / "missing.db", tmp_path):
        put = command("restore", str(bad), "--data-dir", str(layout.root))
        assert put.returncode == 1, (bad, put)
        assert "Nothing was changed" in put.stderr
        assert layout.database.read_bytes() == before
    assert [path.name for path in layout.root.glob("*.part*")] == []


def test_a_database_that_went_missing_is_never_replaced_by_an_empty_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    with RunningServer(layout.root, fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        draw(server, 1)
        assert command("backup", "--data-dir", str(layout.root)).returncode == 0
        assert server.stop() == 0
    (copy,) = layout.backups.glob("*.db")
    pictures = [path.name for path in layout.images.rglob("*.png")]
    layout.database.unlink()
    refused = command("serve", "--data-dir", str(layout.root), "--port", "0")
    assert refused.returncode == 1
    assert "missing" in refused.stderr and copy.name in refused.stderr
    assert not layout.database.exists()
    assert command("restore", str(copy), "--data-dir", str(layout.root)).returncode == 0
    with RunningServer(layout.root, fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        assert len(gallery(server)) == 1
    assert [path.name for path in layout.images.rglob("*.png")] == pictures


def test_a_full_disk_while_it_is_put_back_leaves_the_old_one(tmp_path: Path) -> None:
    """Under a limit on the size of files, in a process of its own."""
    layout = Layout(tmp_path / "data")
    with RunningServer(layout.root, fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        draw(server, 1)
        assert (
            command("backup", str(tmp_path / "copy.db"), "--data-dir", str(layout.root)).returncode
            == 0
        )
        assert server.stop() == 0
    before = layout.database.read_bytes()
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from server.__main__ import main; sys.exit(main())"
    )
    put = subprocess.run(
        [sys.executable, "-c", limited, "restore", tmp_path / "copy.db", "--data-dir", layout.root],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert put.returncode == 1, put
    assert layout.database.read_bytes() == before
    assert [path.name for path in layout.root.glob("*.part*")] == []
