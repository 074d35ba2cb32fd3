"""The data directory's folders, and what ships with Heliograph."""

from pathlib import Path

import pytest

from core.ids import new_id
from core.paths import Layout, shipped


def test_a_layout_is_made_twice_without_harm(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "deep" / "data")
    layout.make()
    layout.make()
    assert layout.staging.is_dir()
    assert layout.nodes.is_dir()


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.make()
    assert layout.root.stat().st_mode & 0o077 == 0


def test_every_file_of_a_picture_lies_inside_the_data_directory(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    image = new_id()
    assert layout.image(image).is_relative_to(layout.images)
    assert layout.thumbnail(image).is_relative_to(layout.thumbnails)


def test_what_ships_is_found_in_a_checkout() -> None:
    assert shipped("migrations").is_dir()
    assert shipped("i18n").is_dir()


def test_what_does_not_ship_is_not_found() -> None:
    with pytest.raises(KeyError):
        shipped("secrets")
