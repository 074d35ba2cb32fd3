"""Docs are tests: what a client may meet has a docstring, an entry on the page, and words."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from core import errors
from core.config import Settings
from core.graph.catalogue import Catalogue
from core.ipc.commands import AnyCommand
from core.ipc.reports import AnyReport
from core.paths import shipped
from core.records.events import AnyFact, AnyFrame
from core.records.job import JobStatus
from core.records.recipe import Recipe
from core.records.training import TrainingStatus
from server import descriptions

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = sorted(path.stem for path in (ROOT / "i18n").glob("*.json"))
TOPS = ("core", "server", "web", "i18n", "migrations", "tests", "starter")
RAISES = re.compile(r"[a-z][a-z0-9_]+")


def words(language: str) -> dict[str, str]:
    text = (ROOT / "i18n" / f"{language}.json").read_text("utf-8")
    return msgspec.json.decode(text, type=dict[str, str])


def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def codes(*, warnings: bool = False) -> set[str]:
    """Collect every code: of the tree's classes, and each one given where an error is made.

    :param warnings: those given where somebody is warned, instead.
    """
    tree = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.HeliographError)
    }
    found = set() if warnings else {kind.code for kind in tree.values()}
    for name, node in calls():
        if (name in ("Warned", "TrainingWarned")) is not warnings:
            continue
        given = [word.value for word in node.keywords if word.arg == "code"]
        if name in tree:
            given += node.args[:1]
        found |= {
            arg.value
            for arg in given
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        }
    return found


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """List every call in the sources with the last part of what is called."""
    return [
        (node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func), node)
        for path in (*(ROOT / "core").rglob("*.py"), *(ROOT / "server").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]


@pytest.mark.parametrize("kind", get_args(AnyFact | AnyFrame), ids=lambda kind: kind.__name__)
def test_every_event_is_explained_and_has_words(kind: Any) -> None:
    assert kind.__doc__
    assert f"events.{kind.__struct_config__.tag}" in words("en")


@pytest.mark.parametrize("kind", get_args(AnyCommand | AnyReport), ids=lambda kind: kind.__name__)
def test_every_command_and_report_is_explained(kind: Any) -> None:
    assert kind.__doc__


def test_every_error_has_words() -> None:
    missing = {code for code in codes() if f"errors.{code}" not in words("en")}
    assert missing == set()


def test_every_warning_has_words() -> None:
    said = codes(warnings=True)
    assert len(said) > 5
    assert {code for code in said if f"warnings.{code}" not in words("en")} == set()


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_is_described_and_has_words(name: str) -> None:
    properties = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    assert properties[name]["description"]
    assert f"settings.{name}" in words("en")


def test_every_node_is_explained_and_has_a_title() -> None:
    for spec in catalogue().nodes.values():
        assert spec.doc, spec.type
        assert f"nodes.{spec.type}.title" in words("en"), spec.type


def test_every_setting_of_a_node_is_described() -> None:
    silent = [
        f"{spec.type}.{name}"
        for spec in catalogue().nodes.values()
        for name, schema in spec.settings.get("properties", {}).items()
        if not schema.get("description")
    ]
    assert silent == []


def test_the_english_descriptions_are_those_of_the_sources() -> None:
    written = {key: text for key, text in words("en").items() if key.startswith("about.")}
    assert written == descriptions.english(), "run python -m server.descriptions"


def test_every_value_that_people_choose_has_words_or_is_a_name() -> None:
    """What is called the same in every language is marked in ``descriptions.NAMES``."""
    statuses = set[str]().union(*map(get_args, (JobStatus, TrainingStatus))) | {"done"}
    said = {f"{descriptions.VALUE}status.{status}" for status in statuses}  # in problems
    worded = {key for key in words("en") if key.startswith(descriptions.VALUE)}
    assert worded == descriptions.values() | said
    chosen = {key.rpartition(".")[2] for key in descriptions.values()}
    assert chosen.isdisjoint(descriptions.NAMES)


def test_every_field_of_a_recipe_is_described() -> None:
    described = descriptions.english()
    assert [
        name for name in Recipe.__struct_fields__ if f"about.recipe.{name}" not in described
    ] == []


def test_every_sentence_is_said_by_something() -> None:
    """The page's own, ``ui.``, are looked after by ``web/src/i18n/words.test.ts``.

    ``about.`` and ``value.`` are compared with their sources above.
    """
    put_together = re.compile(r"errors\.status_\d{3}|warnings\.memory_over_\w+")
    tops = ("core", "server", "starter")
    sources = [path.read_text("utf-8") for top in tops for path in (ROOT / top).rglob("*.py")]
    said = {word for text in sources for word in re.findall(r"[\w.]+", text)}
    idle = [
        key
        for key in words("en")
        if not key.startswith(("ui.", "about.", "value.")) and not put_together.fullmatch(key)
        if key not in said
        if re.sub(r"^\w+\.|\.(fix|title)$", "", key) not in said
    ]
    assert idle == []


def test_the_readme_counts_the_languages() -> None:
    assert len(LANGUAGES) >= 20
    assert f"in {len(LANGUAGES)} languages" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_with_the_same_placeholders(language: str) -> None:
    plural = re.compile(r"_(zero|one|two|few|many|other)$")
    source, other = words("en"), words(language)
    assert {plural.sub("", key) for key in source} == {plural.sub("", key) for key in other}
    names = re.compile(r"\{(\w+)\}")
    wrong = [
        key
        for key, text in other.items()
        if not set(names.findall(text)) <= set(names.findall(source.get(key, text))) | {"count"}
    ]
    assert wrong == []


def test_every_test_that_the_page_on_reliability_names_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page))
    assert len(named) > 40
    for file, test in sorted(named):
        path = ROOT / file
        assert path.is_file(), file
        assert not test or f"def {test}(" in path.read_text("utf-8"), (file, test)


def test_the_readme_draws_the_tree_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for folder in TOPS:
        assert f"{folder}/" in readme
    for path in re.findall(r"^\s+(\w+)/ ", readme.split("```")[-2], re.MULTILINE):
        assert any(next((ROOT / top).rglob(path), None) for top in TOPS), path


def test_the_page_on_datasets_explains_every_reason_and_each_has_words() -> None:
    sources = [
        (ROOT / path).read_text("utf-8")
        for path in (
            "core/media/taught.py", "server/taught_folders.py", "core/store/dataset_pictures.py",
            "core/training/captions.py",
        )
    ]  # fmt: skip
    said = set(re.findall(r'"((?:picture|caption)_[a-z_]+)"', "\n".join(sources)))
    page = (ROOT / "docs" / "datasets.md").read_text("utf-8")
    assert len(said) > 12
    assert {code for code in said if f"`{code}`" not in page} == set()
    spoken = {key.partition(".")[2] for key in words("en") if key.startswith(("errors", "warn"))}
    assert said - spoken == set()
