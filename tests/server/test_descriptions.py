"""What nodes, settings and recipes are for, in the language of whoever asks."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.graph.catalogue import Catalogue, NodeSpec, Port
from core.paths import shipped
from server import descriptions
from server.words import Words
from tests.server.studio import Opener, Studio

API = "/api/v1"
ENGLISH = descriptions.english()
WORDS = Words(shipped("i18n"))
TABLES: dict[str, dict[str, str]] = {
    language: msgspec.json.decode((shipped("i18n") / f"{language}.json").read_bytes())
    for language in ("de", "es", "ja")
}

pytestmark = pytest.mark.anyio


async def asked(studio: Studio, path: str, language: str, **headers: str) -> Any:
    found = await studio.client.get(f"{API}{path}", headers={"accept-language": language} | headers)
    return found.json() if found.content else found


def node(**fields: Any) -> NodeSpec:
    return NodeSpec(type="mine.grain", title="Grain", category="mine", doc="Grain.", **fields)


def test_every_description_is_collected_from_where_it_is_declared() -> None:
    assert ENGLISH["about.settings.port"] == "TCP port; 0 picks a free one."
    assert ENGLISH["about.recipe.max_steps"] == "Optimizer steps."
    assert ENGLISH["about.nodes.image.pick"] == "Take one picture out of a batch."
    assert ENGLISH["about.nodes.image.pick.settings.index"].startswith("From 0;")
    assert "about.nodes.model.adapt.settings.Strength.weight" in ENGLISH


def left(one: Any, other: Any, pointer: str = "") -> list[str]:
    """List where a text is the same in both; a type's own docstring is for who reads the source."""
    if isinstance(one, dict):
        return [far for key in one for far in left(one[key], other[key], f"{pointer}/{key}")]
    if isinstance(one, list):
        pairs = enumerate(zip(one, other, strict=True))
        return [far for at, pair in pairs for far in left(*pair, f"{pointer}/{at}")]
    for_people = re.search(r"/(description|doc|title)$", pointer) and one
    return [pointer] if for_people and one == other else []


def worded(tree: Any) -> dict[str, str]:
    """Collect what the values of every setting are called, at any depth: value → words."""
    if isinstance(tree, list):
        tree = dict(enumerate(tree))
    if not isinstance(tree, dict):
        return {}
    found: dict[str, str] = dict(tree.get("x-words", {}))
    for part in tree.values():
        found |= worded(part)
    return found


async def test_every_value_of_a_setting_is_called_something(studio: Studio) -> None:
    nodes, config, recipe = [
        await asked(studio, path, "de-AT") for path in ("/nodes", "/config", "/trainings/schema")
    ]
    resize = nodes["nodes"]["image.resize"]["settings"]["properties"]["resample"]
    assert resize["x-words"] == {
        value: TABLES["de"][f"value.resample.{value}"] for value in resize["enum"]
    }
    settings = {setting["name"]: setting["schema"] for setting in config["settings"]}
    assert settings["dtype"]["x-words"]["auto"] == "Passend zum Gerät"
    assert settings["dtype"]["x-words"]["bfloat16"] == "bfloat16"
    fields = recipe["$defs"]["Recipe"]["properties"]
    assert fields["schedule"]["anyOf"][0]["x-words"]["cosine"] == "Kosinus"
    assert fields["trackers"]["items"]["x-words"]["csv"] == "csv"


async def test_names_and_nothing_else_are_called_the_same_in_every_language(studio: Studio) -> None:
    for path in ("/nodes", "/config", "/trainings/schema"):
        english, japanese = [worded(await asked(studio, path, each)) for each in ("en", "ja")]
        same = {value for value, words in english.items() if japanese[value] == words}
        written = {"dora", "lanczos", "lokr", "lora", "pivotal"}  # with capitals everywhere
        assert same <= descriptions.NAMES | written, path


@pytest.mark.parametrize("path", ["/nodes", "/config", "/trainings/schema"])
async def test_nothing_that_the_server_describes_is_left_in_english(
    studio: Studio, path: str
) -> None:
    english, japanese = [await asked(studio, path, language) for language in ("en", "ja-JP, en")]
    found = left(english, japanese)
    kinds = re.compile(
        r"/\$defs/[A-Z]\w*/(title|description)$|/(width|height)/anyOf/0/description$"
    )
    assert [pointer for pointer in found if not kinds.search(pointer)] == [
        "/nodes/control.net/title"  # a name
    ] * (path == "/nodes")


async def test_a_node_keeps_its_tag_in_one_language_and_has_another_in_the_next(
    studio: Studio,
) -> None:
    german = await studio.client.get(f"{API}/nodes", headers={"accept-language": "de"})
    assert german.json()["nodes"]["image.pick"]["title"] == "Bild auswählen"
    assert german.headers["vary"] == "accept-language"
    held = german.headers["etag"]
    for language, status in (("de-AT", 304), ("fr", 200), ("en", 200), ("de", 304)):
        again = await studio.client.get(
            f"{API}/nodes", headers={"accept-language": language, "if-none-match": held}
        )
        assert again.status_code == status, language


async def test_a_changed_setting_is_described_as_an_asked_one(studio: Studio) -> None:
    changed = await studio.client.patch(
        f"{API}/config", json={"trash_days": 3}, headers={"accept-language": "es"}
    )
    shown = await asked(studio, "/config", "es")
    assert changed.json() == shown
    told = {setting["name"]: setting for setting in shown["settings"]}
    assert told["port"]["description"] == TABLES["es"]["about.settings.port"]
    assert told["port"]["schema"]["description"] == told["port"]["description"]
    assert "{date}" in told["download_name"]["description"]


async def test_the_page_is_not_sent_what_comes_with_the_things_described(studio: Studio) -> None:
    sent = (await studio.client.get("/i18n/de.json")).json()
    assert sent == {key: text for key, text in TABLES["de"].items() if not key.startswith("about.")}


async def test_a_node_and_a_language_of_ones_own_meet(tmp_path: Path, opener: Opener) -> None:
    folder = tmp_path / "data" / "i18n"
    folder.mkdir(parents=True)
    own = {"language.name": "Nederlands", "about.nodes.image.pick": "Een beeld kiezen."}
    (folder / "nl.json").write_text(json.dumps(own), "utf-8")
    async with opener() as studio:
        nodes = (await asked(studio, "/nodes", "nl"))["nodes"]
    assert nodes["image.pick"]["doc"] == "Een beeld kiezen."
    assert nodes["image.save"]["doc"] == ENGLISH["about.nodes.image.save"]


def test_a_node_that_nobody_translated_says_what_its_author_wrote() -> None:
    one = node(
        settings={
            "properties": {
                "amount": {"anyOf": [{"type": "number", "description": "How much."}, {}]},
                "plain": {"type": "integer"},
                "film": {"enum": ["fast", "slow"]},
            }
        },
        inputs=[Port(name="image", types=["Image"], doc="What is grained.")],
    )
    catalogue = Catalogue(nodes={one.type: one})
    assert descriptions.of_catalogue(catalogue, WORDS.sayer("ar")) == catalogue
    said = descriptions.of_catalogue(catalogue, lambda key, text: key).nodes[one.type]
    assert said.settings["properties"]["film"]["x-words"]["fast"] == "value.film.fast"
    assert (said.title, said.doc) == ("nodes.mine.grain.title", "about.nodes.mine.grain")
    assert said.inputs[0].doc == "about.nodes.mine.grain.inputs.image"
    described = said.settings["properties"]["amount"]["anyOf"][0]["description"]
    assert described == "about.nodes.mine.grain.settings.amount"
