"""Each check of the doctor, on a machine that is ill in just that way."""

import ast
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings
from core.paths import Layout, shipped
from core.store import backup
from server import doctor, lock, whereabouts
from server.doctor import Finding, Machine
from server.doctor.machine import nearest
from server.words import Words
from tests.running import ROOT

WORDS = Words(shipped("i18n"))


class Other(Machine):
    """This machine, but for what a test says otherwise."""

    def __init__(self, **facts: Any) -> None:
        for name, value in facts.items():
            assert hasattr(Machine, name)
            setattr(self, name, lambda *asked, value=value: value)


@pytest.fixture
def settings(layout: Layout) -> Settings:
    return Settings(data_dir=str(layout.root), port=0)


def findings(settings: Settings, *, quick: bool = True, **facts: Any) -> dict[str, Finding]:
    return {one.name: one for one in doctor.examine(settings, Other(**facts), quick=quick)}


def slow(settings: Settings, name: str, **facts: Any) -> Finding:
    check = next(each for each in doctor.SLOW if each.__name__ == name)
    return check(settings, Other(**facts))


def database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))")
        connection.commit()


@pytest.mark.parametrize(
    ("name", "facts", "verdict", "code"),
    [
        ("torch", {"torch_version": None}, "fail", "torch_missing"),
        ("torch", {"torch_version": "2.13.0+cpu", "nvidia_card": True}, "fail", "torch_cpu_only"),
        ("sqlite", {"sqlite_version": (3, 31, 1)}, "fail", "sqlite_old"),
        ("sqlite", {"sqlite_version": (3, 40, 1)}, "ok", "sqlite_reset"),
        ("sqlite", {"sqlite_version": (3, 44, 5)}, "ok", "sqlite_reset"),
        ("sqlite", {"sqlite_version": (3, 44, 6)}, "ok", "sqlite_ok"),
        ("sqlite", {"sqlite_version": (3, 50, 6)}, "ok", "sqlite_reset"),
        ("sqlite", {"sqlite_version": (3, 50, 7)}, "ok", "sqlite_ok"),
        ("sqlite", {"sqlite_version": (3, 51, 2)}, "ok", "sqlite_reset"),
        ("sqlite", {"sqlite_version": (3, 51, 3)}, "ok", "sqlite_ok"),
        ("disk", {"free_bytes": 1 << 20}, "fail", "disk_full"),
        ("disk", {"free_bytes": 1 << 30}, "warn", "disk_little"),
        ("disk", {"free_bytes": 1 << 40}, "ok", "disk_ok"),
        ("inodes", {"free_inodes": 0}, "fail", "inodes_few"),
        ("inodes", {"free_inodes": 5000}, "warn", "inodes_few"),
        ("inodes", {"free_inodes": None}, "ok", "inodes_free"),
        ("filesystem", {"filesystem": "nfs4"}, "warn", "filesystem_network"),
        ("filesystem", {"filesystem": "cifs"}, "warn", "filesystem_network"),
        ("filesystem", {"filesystem": "ext4"}, "ok", "filesystem_ok"),
        ("files", {"most_files": 1024}, "warn", "files_few"),
        ("files", {"most_files": 4096}, "ok", "files_ok"),
        ("files", {"most_files": None}, "ok", "files_free"),
        ("clock", {"now": 0.0}, "fail", "clock_wrong"),
        ("port", {"port_is_taken": True}, "warn", "port_taken"),
        ("port", {"port_is_taken": False}, "ok", "port_ok"),
        ("web", {"web_is_built": False}, "fail", "web_missing"),
    ],
)
def test_each_illness_is_found(
    settings: Settings, name: str, facts: dict[str, Any], verdict: str, code: str
) -> None:
    found = findings(settings, **facts)[name]
    assert (found.verdict, found.code) == (verdict, code)
    assert bool(found.fix(WORDS, "en")) is (verdict != "ok")


def test_a_clock_behind_its_own_files_is_wrong(settings: Settings) -> None:
    assert findings(settings, now=time.time() - 86400)["clock"].code == "clock_wrong"
    assert findings(settings, now=time.time() - 10)["clock"].code == "clock_ok"


def test_a_folder_that_cannot_be_made_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = findings(Settings(data_dir=str(tmp_path / "file" / "data"), port=0))
    assert found["data"].verdict == "fail"
    assert "Not a directory" in found["data"].said(WORDS, "en")


def test_a_folder_that_others_may_read_is_found(settings: Settings, layout: Layout) -> None:
    assert findings(settings)["private"].verdict == "ok"
    layout.root.chmod(0o755)
    found = findings(settings)["private"]
    assert (found.verdict, found.params["mode"]) == ("warn", "755")


def test_what_a_killed_server_leaves_is_found_and_a_running_ones_is_not(
    settings: Settings, layout: Layout
) -> None:
    (layout.root / whereabouts.RUNNING).write_text(
        '{"pid":1,"url":"http://127.0.0.1:7","boot":"B"}'
    )
    (layout.staging / "job-0.png").write_bytes(b"half")
    found = findings(settings)
    assert (found["end"].code, found["staging"].code) == ("end_unclean", "staging_left")
    assert found["staging"].params == {"count": 1}
    with lock.held(layout.lock):
        found = findings(settings)
        assert {found[name].code for name in ("end", "staging", "data")} == {
            "end_ok", "staging_ok", "data_running",
        }  # fmt: skip
        ours = Settings(data_dir=settings.data_dir, port=7)
        assert findings(ours, port_is_taken=True)["port"].code == "port_ours"
        other = Settings(data_dir=settings.data_dir, port=8)
        assert findings(other, port_is_taken=True)["port"].code == "port_taken"


def test_every_page_of_the_database_is_read(settings: Settings, layout: Layout) -> None:
    assert slow(settings, "database").code == "database_new"
    database(layout.database)
    assert slow(settings, "database").code == "database_ok"
    backup.backup(layout.database, layout.backups / "heliograph-1.db")
    with layout.database.open("rb+") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    found = slow(settings, "database")
    assert (found.verdict, found.code) == ("fail", "database_damaged")
    assert "heliograph-1.db" in found.fix(WORDS, "en")


def test_a_backup_that_is_missing_old_or_damaged_is_found(
    settings: Settings, layout: Layout
) -> None:
    assert slow(settings, "backups").code == "backup_unneeded"
    database(layout.database)
    assert slow(settings, "backups").code == "backup_none"
    file = layout.backups / "heliograph-20260101-000000.db"
    backup.backup(layout.database, file)
    assert slow(settings, "backups").code == "backup_ok"
    found = slow(settings, "backups", now=time.time() + 30 * 86400)
    assert (found.verdict, found.code, found.params["days"]) == ("warn", "backup_old", 30)
    file.write_bytes(file.read_bytes()[:5000])
    assert slow(settings, "backups").code == "backup_damaged"


def test_a_model_folder_that_is_not_there_is_found(settings: Settings, tmp_path: Path) -> None:
    assert findings(settings)["models"].verdict == "ok"
    lost = Settings(data_dir=settings.data_dir, port=0, models_dirs=[str(tmp_path / "lost")])
    found = findings(lost)["models"]
    assert (found.verdict, found.params["folder"]) == ("warn", str(tmp_path / "lost"))


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_engine_is_started_and_ended(settings: Settings, layout: Layout) -> None:
    found = slow(settings, "engine")
    assert (found.verdict, found.code) == ("ok", "engine_ok"), found
    with lock.held(layout.lock):
        assert slow(settings, "engine").code == "engine_running"


@pytest.mark.timeout(60)
def test_an_engine_that_does_not_start_is_found_with_its_last_words(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "data"), port=0, device="cuda:77")
    Layout(settings.data_dir).make()
    found = slow(settings, "engine")
    assert (found.verdict, found.code) == ("fail", "engine_failed"), found
    assert "cuda:77" in found.fix(WORDS, "en")


def test_the_scripted_engine_is_not_started(layout: Layout) -> None:
    scripted = Settings(data_dir=str(layout.root), fake_engine=True)
    assert slow(scripted, "engine").code == "engine_scripted"


def test_the_kind_of_the_disk_is_read_from_the_longest_mount() -> None:
    machine = Machine()
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("only Linux tells its mounts so")
    assert machine.filesystem(Path("/proc/self")) == "proc"
    assert machine.filesystem(Path("/dev/shm/not/there/yet")) == "tmpfs"
    assert nearest(Path("/dev/shm/not/there/yet")) == Path("/dev/shm")
    assert machine.free_inodes(Path("/")) is None or machine.free_inodes(Path("/"))


def codes() -> set[str]:
    """Collect every code that a check can give: the strings that begin with its name."""
    found = set()
    for file in (ROOT / "server/doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "ok", "warn", "fail", "found", "found_is",
            ):  # fmt: skip
                given = ast.walk(node.args[1])
                found |= {one.value for one in given if isinstance(one, ast.Constant)}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
                found |= {
                    one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)
                }
    return {one for one in found if isinstance(one, str)}


def test_every_finding_has_words_and_what_is_not_well_a_fix() -> None:
    table = json.loads((ROOT / "i18n/en.json").read_text("utf-8"))
    given = codes()
    assert len(given) > 40
    assert {code for code in given if f"doctor.{code}" not in table} == set()
    written = {key.removeprefix("doctor.") for key in table if key.startswith("doctor.")}
    assert {key for key in written if key.removesuffix(".fix") not in given} == set()


@pytest.mark.parametrize("language", WORDS.codes)
def test_findings_are_said_in_every_language(settings: Settings, language: str) -> None:
    for found in findings(settings, most_files=10, web_is_built=False).values():
        for text in (found.said(WORDS, language), found.fix(WORDS, language)):
            assert "{" not in text
            assert not text.startswith(f"{found.name}_")


@pytest.mark.timeout(40)
def test_the_command_speaks_json_and_fails_when_something_fails(tmp_path: Path) -> None:
    held = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
    for floor, code in (("0", 0), ("1000000000", 1)):
        done = subprocess.run(
            [sys.executable, "-m", "server", "doctor", "--quick", "--json", "--port", "0",
             "--data-dir", str(tmp_path / "data")],
            cwd=ROOT, env={**held, "HELIOGRAPH_DISK_FLOOR_MB": floor, "HELIOGRAPH_LANGUAGE": "de"},
            capture_output=True, text=True, timeout=18,
        )  # fmt: skip
        told = json.loads(done.stdout)
        assert (done.returncode, told["ok"]) == (code, code == 0), done
        names = [one["name"] for one in told["findings"]]
        assert len(names) == len(set(names)) == len(doctor.CHECKS)
        assert "ist beschreibbar" in done.stdout
