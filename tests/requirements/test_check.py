"""The check of the locks: each way in which one can be unsound is named."""

import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from requirements import check, lock
from requirements.check import Pin
from tests.running import ROOT

HASH = "--hash=sha256:" + "a" * 64


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_our_own_locks_and_what_is_installed_are_sound() -> None:
    assert check.faults(strict=False) == []


def test_exact_hashed_lines_are_read() -> None:
    text = (
        f"a_b==1.0 \\\n    {HASH} \\\n    {HASH}\nc==2 ; sys_platform == 'win32' {HASH}\n# no\n\n"
    )
    pins, faults = check.read(text)
    assert faults == []
    assert pins == [Pin("a-b", "1.0", ""), Pin("c", "2", "sys_platform == 'win32'")]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"a>=1 {HASH}", "is not exact"),
        (f"a {HASH}", "is not exact"),
        (f"a==1.* ,>2 {HASH}", "is not exact"),
        ("a==1", "has no hash"),
        ("a==1 --hash=md5:abc", "is not exact"),
        ("a==1 --hash=sha256:abc", "is not exact"),
        ("--index-url x", "names a source"),
        ("-r other.txt", "names a source"),
        ("-e .", "names a source"),
        ("a @ git+https://example.org/a", "names a source"),
        (f"https://example.org/a-1.whl {HASH}", "names a source"),
        (f"a==1 {HASH} --find-links x", "names a source"),
    ],
)
def test_every_other_line_is_refused(line: str, fault: str) -> None:
    _, faults = check.read(line)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_only_torch_may_stand_without_a_hash() -> None:
    assert check.read("torch==2.13.0")[1] == []
    assert check.read("torchvision==1")[1] != []


@pytest.mark.parametrize("name", ["lightning", "pytorch-lightning"])
@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_compromised_releases_are_refused(name: str, version: str) -> None:
    assert list(check.forbidden([Pin(name, version, "")], {}))
    assert not list(check.forbidden([Pin(name, "2.6.4", "")], {}))


def test_releases_below_the_floor_and_unwanted_packages_are_refused() -> None:
    floors = check.floors_of((ROOT / "pyproject.toml").read_text("utf-8"))
    assert floors["starlette"] == "1.5.1"
    assert list(check.forbidden([Pin("starlette", "1.5.0", "")], floors))
    assert list(check.forbidden([Pin("torch", "2.9.1", "")], floors))
    assert list(check.forbidden([Pin("python-multipart", "9", "")], floors))
    assert not list(check.forbidden([Pin("starlette", "1.10.0", "")], floors))


def test_what_runs_is_tested_in_that_version() -> None:
    main, dev = [Pin("a", "1", "")], [Pin("a", "1", "x"), Pin("b", "1", "")]
    assert not list(check.disagreeing(main, dev))
    assert list(check.disagreeing([Pin("a", "2", "")], dev))


@pytest.mark.parametrize(
    ("entry", "sound"),
    [
        ({"version": "1", "integrity": "sha512-x"}, True),
        ({"version": "1", "link": True}, True),
        ({"version": "1", "inBundle": True}, True),
        ({"version": "1"}, False),
        ({"version": "1", "integrity": "sha1-x"}, False),
        ({"version": "1", "integrity": "sha512-x", "resolved": "https://example.org/x"}, False),
    ],
)
def test_every_package_of_the_client_is_held_by_a_hash(entry: dict[str, Any], sound: bool) -> None:
    found = list(check.packages({"packages": {"": {}, "node_modules/x": entry}}))
    assert (found == []) is sound


def test_what_is_missing_or_another_version_is_told() -> None:
    pins = [Pin("a", "1.0", ""), Pin("b", "1", ""), Pin("c", "1", "sys_platform == 'nowhere'")]
    assert list(check.installed(pins, {"a": "1.0.0", "b": "2"})) == [
        "b is 2 here and 1 in the lock"
    ]
    assert len(list(check.installed(pins, {}))) == 2


def test_what_no_lock_names_is_a_stranger_and_what_torch_pulls_is_none() -> None:
    found = {"torch": "1", "sympy": "1", "mpmath": "1", "pip": "1", "evil": "1"}
    assert list(check.strangers([Pin("torch", "1", "")], found)) == ["evil 1 is in no lock"]


def test_a_file_that_was_changed_or_removed_after_installing_is_named(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
    (tmp_path / "thing.py").write_text("")
    (tmp_path / "gone.py").write_text("")
    empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    (info / "RECORD").write_text(f"thing.py,{empty},0\ngone.py,{empty},0\nthing.pyc,,\n")
    (distribution,) = metadata.distributions(path=[str(tmp_path)])
    assert list(check.touched(distribution)) == []
    (tmp_path / "thing.py").write_text("import os")
    (tmp_path / "gone.py").unlink()
    changed, gone = check.touched(distribution)
    assert "thing.py was changed" in changed
    assert "gone.py cannot be read" in gone


def test_the_program_names_faults_and_fails(tmp_path: Path) -> None:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "web/package-lock.json").write_text('{"packages": {}}')
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    (folder / "check.py").write_text((ROOT / "requirements/check.py").read_text("utf-8"))
    for name in check.LOCKS:
        (folder / name).write_text("")
    sound = run(folder)
    assert (sound.returncode, sound.stderr) == (0, "")
    (folder / "main.txt").write_text(f"lightning==2.6.3 {HASH}\n")
    broken = run(folder)
    assert broken.returncode == 1
    assert "lightning 2.6.3 was compromised" in broken.stderr


def run(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(folder / "check.py")], capture_output=True, text=True, timeout=15
    )


def test_a_release_must_be_a_week_old_to_be_chosen() -> None:
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert lock.newest(lock.COOLING, now) == "2026-03-03T12:00:00Z"
    assert lock.newest(0, now) == "2026-03-10T12:00:00Z"
