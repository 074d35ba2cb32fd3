"""Folders of tiny pipelines, each written once a session when first asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.pipelines import folders

Written = Callable[[str], Path]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    made: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in made:
            made[name] = folders.write(name, tmp_path_factory.mktemp("pipelines") / name)
        return made[name]

    return write
