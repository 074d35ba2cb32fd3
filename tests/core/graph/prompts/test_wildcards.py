"""Wildcards: files of words in the data directory, and nothing outside of it."""

import os
from pathlib import Path

import pytest

from core.errors import Invalid
from core.graph.prompts import wildcards
from core.graph.prompts.wildcards import Wildcards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "wildcards"
    (inside / "colours" / "deep").mkdir(parents=True)
    (inside / "animals.txt").write_text("# what walks\n\n fox \r\n2::owl\n", "utf-8")
    (inside / "colours" / "warm.txt").write_text("\ufeffröd\n", "utf-8")
    (inside / "colours" / "deep" / "dark.txt").write_text("black", "utf-8")
    (inside / ".hidden.txt").write_text("no", "utf-8")
    (inside / "notes.md").write_text("no", "utf-8")
    return inside


def test_lines_are_stripped_and_remarks_left_out(folder: Path) -> None:
    assert Wildcards(folder).find("animals") == [("animals", ("fox", "2::owl"))]
    assert Wildcards(folder).find("colours/warm") == [("colours/warm", ("röd",))]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("*", ["animals"]),
        ("**", ["animals", "colours/deep/dark", "colours/warm"]),
        ("colours/*", ["colours/warm"]),
        ("colours/**", ["colours/deep/dark", "colours/warm"]),
        ("?nimals", ["animals"]),
        ("colours?warm", []),
        ("none", []),
        ("../wildcards/animals", []),
        ("/etc/passwd", []),
        (".hidden", []),
        ("notes", []),
        ("", []),
        ("*" * 128, []),
        ("*?" * 4, ["animals"]),
    ],
)
def test_a_name_stands_for_files_in_the_folder(folder: Path, name: str, names: list[str]) -> None:
    assert [each for each, _ in Wildcards(folder).find(name)] == names


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert Wildcards(tmp_path / "none").find("**") == []
    assert wildcards.none("animals") == []


def test_no_link_is_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret", "utf-8")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "way").symlink_to(outside)
    (folder / "circle").symlink_to(folder)
    found = Wildcards(folder)
    assert found.find("link") == found.find("way/secret") == found.find("circle/animals") == []


def test_a_file_that_became_a_link_or_a_pipe_is_unreadable(folder: Path, tmp_path: Path) -> None:
    found = Wildcards(folder)
    assert "animals" in found.names
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (folder / "animals.txt").unlink()
    (folder / "animals.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "colours" / "warm.txt").unlink()
    os.mkfifo(folder / "colours" / "warm.txt")
    for name in ("animals", "colours/warm"):
        with pytest.raises(Invalid) as caught:
            found.find(name)
        assert caught.value.name == "wildcard_unreadable"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b", b"x" * (2**20 + 1), b"x\n" * 10_001])
def test_what_is_no_text_or_too_large_is_refused(folder: Path, data: bytes) -> None:
    (folder / "bad.txt").write_bytes(data)
    with pytest.raises(Invalid) as caught:
        Wildcards(folder).find("bad")
    assert caught.value.problems[0].code == "wildcard_unreadable"
    assert caught.value.params == {"wildcard": "bad"}


def test_files_past_the_cap_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wildcards, "MAX_FILES", 2)
    monkeypatch.setattr(wildcards, "MAX_FOLDERS", 1)
    (folder / "more.txt").write_text("x", "utf-8")
    (folder / "most.txt").write_text("x", "utf-8")
    assert len(Wildcards(folder).names) == 2
