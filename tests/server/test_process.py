"""The real process: how it starts, refuses to, and stops."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from core.paths import Layout
from server import whereabouts
from tests.running import ROOT, RunningServer

pytestmark = pytest.mark.slow


def command(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=15,
    )  # fmt: skip


def test_it_starts_says_where_it_is_and_stops_cleanly(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        seconds = min(server.start() for _ in range(1) if server.stop() == 0)
        told = whereabouts.running(Layout(tmp_path / "data"))
        assert told is not None
        assert (told.pid, told.url) == (server.process.pid, server.url)
        assert seconds < 5, f"start to /livez took {seconds:.2f} s"
        assert server.stop() == 0
    assert whereabouts.running(Layout(tmp_path / "data")) is None


def test_a_command_whose_reader_has_seen_enough_ends_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as gone:
        ended = subprocess.run(
            [sys.executable, "-m", "server", "config"],
            cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=15,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (141, "")


def test_the_server_process_never_loads_torch_or_numpy(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 10)
        server.generate(prompt="a fox", steps=1)
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "torch" not in maps
        assert "numpy" not in maps


def test_a_second_server_on_the_same_data_leaves_the_first_alone(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        began = time.perf_counter()
        second = command("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
        assert second.returncode == 75
        assert time.perf_counter() - began < 5
        assert server.client.get("/livez").status_code == 200
        job = server.generate(prompt="a fox", steps=1)["jobs"][0]
        assert job["status"] == "succeeded"


def test_the_lock_of_a_server_that_was_killed_needs_no_hand(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        for _ in range(3):
            server.kill()
            assert Layout(tmp_path / "data").lock.exists()
            server.start()
        server.wait_for("/readyz", 20)


def test_what_a_server_makes_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with RunningServer(tmp_path / "data", fake_engine="1") as server:
            server.wait_for("/readyz", 20)
            server.generate(prompt="a fox", steps=1)
            assert server.stop() == 0
    finally:
        os.umask(old)
    layout = Layout(tmp_path / "data")
    open_to_others = [
        path for path in (layout.root, *layout.root.rglob("*")) if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
    assert "can write into" not in server.log.read_text()
    layout.nodes.chmod(0o777)
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 20)
    assert f"other users can write into {layout.nodes}" in server.log.read_text()


def test_an_open_address_without_a_token_is_refused(tmp_path: Path) -> None:
    refused = command("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"))
    assert refused.returncode == 78
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_said_and_a_wrong_setting_too(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "one", fake_engine="1") as server:
        taken = command("serve", "--port", str(server.port), "--data-dir", str(tmp_path / "two"))
        assert taken.returncode == 1
        assert "Traceback" not in taken.stderr
    wrong = command("serve", "--port", "many", "--data-dir", str(tmp_path / "two"))
    assert wrong.returncode == 78
    assert wrong.stderr.startswith("heliograph: --port: ")


def test_generate_uses_a_running_server_else_one_of_its_own(tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path / "data"), "--fake-engine", "--quiet", "--steps", "1")
    alone = command("generate", "a fox", "-o", str(tmp_path / "alone.png"), *flags)
    assert alone.returncode == 0, alone.stderr
    assert (tmp_path / "alone.png").read_bytes().startswith(b"\x89PNG")
    wrong = command("generate", "a fox", "--model", "nobody", *flags)
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        many = command("generate", "a fox", "-o", str(tmp_path / "two.png"), "--count", "2", *flags)
        assert many.returncode == 0, many.stderr
        assert [Path(line).name for line in many.stdout.splitlines()] == ["two-1.png", "two-2.png"]
        shown = server.client.get("/api/v1/images").json()["items"]
        assert len(shown) == 3


def test_a_workflow_is_listed_and_run_by_its_name(tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path / "data"), "--fake-engine", "--quiet")
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 20)
        job = server.generate(prompt="a fox", steps=1)["jobs"][0]["id"]
        batch = server.client.get(f"/api/v1/jobs/{job}").json()["batch"]
        graph = server.client.get(f"/api/v1/batches/{batch}").json()["graph"]
        inputs = [
            {"name": name, "node": node["id"], "setting": name}
            for node in graph["nodes"]
            for name in ("steps", "seed")
            if name in node["settings"]
        ]
        body = {"name": "Fox & co", "graph": graph, "inputs": inputs}
        assert server.client.post("/api/v1/workflows", json=body).status_code == 201
        listed = command("workflows", "list", *flags)
        assert "Fox & co  (steps" in listed.stdout, listed.stderr
        asked = ("Fox & co", "-i", "steps=2", "--runs", "2", "-o", str(tmp_path / "fox.png"))
        done = command("workflows", "run", *asked, *flags)
        assert done.returncode == 0, done.stderr
        assert [Path(line).name for line in done.stdout.splitlines()] == ["fox-1.png", "fox-2.png"]
        wrong = command("workflows", "run", "Fox & co", "-i", "steps=many", *flags)
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "Traceback" not in wrong.stderr
        gone = command("workflows", "run", "Owl", *flags)
        assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1)


def test_generate_says_why_no_engine_starts(tmp_path: Path) -> None:
    failed = command("generate", "a fox", "--device", "cuda:9", "--data-dir", str(tmp_path))
    assert failed.returncode == 1
    assert "device_missing" in failed.stderr.splitlines()[-1]
    assert "Traceback (most" not in failed.stderr.splitlines()[-1]


def test_a_token_made_on_the_command_line_works_at_once(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with RunningServer(tmp_path / "data", fake_engine="1", token="master") as server:
        made = command("token", "create", "bot", "--scope", "read", *data)
        headers = {"authorization": f"Bearer {made.stdout.strip()}"}
        assert httpx.get(f"{server.url}/api/v1/queue", headers=headers).status_code == 200
        listed = command("token", "list", *data).stdout
        assert "bot" in listed
        command("token", "revoke", listed.split()[0], *data)
        assert httpx.get(f"{server.url}/api/v1/queue", headers=headers).status_code == 401


def test_backup_while_the_server_runs_gives_a_sound_copy(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1"):
        made = command("backup", str(tmp_path / "copy.db"), "--data-dir", str(tmp_path / "data"))
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "copy.db").read_bytes().startswith(b"SQLite format 3")


def test_version_config_and_unknown_commands(tmp_path: Path) -> None:
    assert command("--version").stdout.startswith("heliograph ")
    shown = command("config", "--port", "77", HELIOGRAPH_TOKEN="secret-token").stdout
    line = next(line for line in shown.splitlines() if line.startswith("port"))
    assert line.split()[1:] == ["77", "flag"]
    assert "secret-token" not in shown
    assert command("dance").returncode == 2


def test_the_note_of_a_running_server_is_read_or_ignored(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert whereabouts.running(layout) is None
    (tmp_path / whereabouts.RUNNING).write_bytes(b"nonsense")
    assert whereabouts.running(layout) is None
    note = whereabouts.Running(pid=1, url="http://127.0.0.1:1", boot="x")
    (tmp_path / whereabouts.RUNNING).write_bytes(msgspec.json.encode(note))
    assert whereabouts.running(layout) == note
