"""Users' node files: found, reloaded, and never a crash."""

import os
import textwrap
from pathlib import Path

import pytest

from core.engine.__main__ import shipped_catalogue
from core.engine.registry import Registry
from core.errors import Problem
from core.paths import shipped

GOOD = '''
from core.engine import Context, Node

class Double(Node, tag="mine.double"):
    """Double a number."""

    def run(self, ctx: Context, a: float) -> float:
        return 2 * a
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nodes"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), "utf-8")
    return path


def problems(registry: Registry) -> list[Problem]:
    registry.scan()
    return registry.nodes.catalogue.problems


def test_the_shipped_catalogue_is_what_the_built_in_nodes_say() -> None:
    assert shipped("catalogue.json").read_bytes() == shipped_catalogue(), (
        "run: python -m core.engine --catalogue > core/graph/catalogue.json"
    )


def test_every_built_in_node_is_well(folder: Path) -> None:
    catalogue = Registry(folder).nodes.catalogue
    assert catalogue.problems == []
    assert {"image.save", "latent.sample", "model.load", "number.add"} <= catalogue.nodes.keys()
    assert all(spec.doc and not spec.source for spec in catalogue.nodes.values())
    assert catalogue.samplers[0] == catalogue.schedules[0] == "default"


def test_a_file_in_the_folder_adds_its_nodes_with_its_hash(folder: Path) -> None:
    registry = Registry(folder)
    write(folder, "double.py", GOOD)
    assert registry.changed()
    assert registry.scan()
    spec = registry.nodes.catalogue.nodes["mine.double"]
    assert (spec.category, len(spec.source)) == ("mine", 40)
    assert not registry.changed()
    assert not registry.scan()


def test_a_changed_file_is_imported_again_and_a_removed_one_is_gone(folder: Path) -> None:
    registry = Registry(folder)
    path = write(folder, "double.py", GOOD)
    registry.scan()
    before = registry.nodes
    write(folder, "double.py", GOOD.replace("Double a", "Twice the"))
    os.utime(path, ns=(1, 1))
    assert registry.changed()
    assert registry.scan()
    after = registry.nodes.catalogue.nodes["mine.double"]
    assert after.doc == "Twice the number."
    assert after.source != before.catalogue.nodes["mine.double"].source
    assert before.classes["mine.double"].__doc__ == "Double a number."  # a running job keeps it
    path.unlink()
    assert registry.changed()
    assert registry.scan()
    assert "mine.double" not in registry.nodes.classes


def test_a_file_that_does_not_compile_is_a_problem_with_its_line(folder: Path) -> None:
    registry = Registry(folder)
    write(folder, "double.py", GOOD)
    write(folder, "torn.py", "x = 1\ndef half(:\n")
    (problem,) = problems(registry)
    assert (problem.code, problem.params["file"], problem.params["line"]) == (
        "node_broken", "torn.py", 2,
    )  # fmt: skip
    assert "SyntaxError" in str(problem.params["error"])
    assert "mine.double" in registry.nodes.classes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x = 1\nimport no_such_module\n", "ModuleNotFoundError"),
        ("x = 1\nraise RuntimeError('no')\n", "RuntimeError: no"),
        ("x = 1\nraise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_a_file_that_raises_is_a_problem_with_its_line(folder: Path, text: str, error: str) -> None:
    write(folder, "raises.py", text)
    (problem,) = problems(Registry(folder))
    assert problem.params["line"] == 2
    assert error in str(problem.params["error"])


def test_a_class_that_is_no_node_and_one_that_is_taken_are_problems(folder: Path) -> None:
    write(folder, "a.py", GOOD.replace("a: float", "a"))
    write(folder, "b.py", GOOD.replace("mine.double", "number.add"))
    registry = Registry(folder)
    refused, duplicate = problems(registry)
    assert (refused.code, refused.params["name"]) == ("node_refused", "Double")
    assert "annotate the input a" in str(refused.params["error"])
    assert (duplicate.code, duplicate.params["type"]) == ("node_duplicate", "number.add")
    assert registry.nodes.classes["number.add"].__module__.startswith("core.")


def test_a_package_is_one_and_underscored_files_are_left_alone(folder: Path) -> None:
    write(folder, "pack/__init__.py", "from heliograph_nodes.pack.inner import FACTOR\n" + GOOD)
    write(folder, "pack/inner.py", "FACTOR = 2\n")
    write(folder, "_draft.py", "this is no Python")
    registry = Registry(folder)
    assert problems(registry) == []
    before = registry.nodes.catalogue.nodes["mine.double"].source
    write(folder, "pack/inner.py", "FACTOR = 20\n")
    assert registry.changed()
    registry.scan()
    assert registry.nodes.catalogue.nodes["mine.double"].source != before


def test_postponed_annotations_are_understood(folder: Path) -> None:
    write(folder, "late.py", "from __future__ import annotations\n" + GOOD)
    assert problems(Registry(folder)) == []
