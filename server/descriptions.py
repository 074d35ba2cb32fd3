"""What nodes, settings, recipes and models to begin with are for, in the language of who asks.

The English is where the thing is declared: a docstring, a ``Meta(description=...)``. It is repeated
in ``i18n/en.json`` under ``about.``, so that a translator has one file with every sentence;
``python -m server.descriptions`` writes it there.

Where a setting is one of a few values, its schema says what each is called: ``x-words`` maps the
value to its words, ``value.<setting>.<value>``. What is called the same everywhere is in `NAMES`.
Knows no language by itself.
"""

import json
import logging
from typing import Any

import msgspec
from msgspec.structs import replace

from core.config import Settings
from core.graph.catalogue import Catalogue, NodeSpec, Port
from core.library.recommended import recommended
from core.paths import shipped
from core.records.recipe import Recipe
from server.actions.models import RecommendedModels
from server.actions.system import ConfigInfo
from server.words import ABOUT, Say

log = logging.getLogger(__name__)

VALUE = "value."
WORDS = "x-words"  # in a schema: each of its values → what it is called
# Values that are names in papers and programs, and are called so in every language.
NAMES = frozenset(
    {
        "adafactor", "adamw", "adamw8bit", "bfloat16", "came", "csv", "float16", "float32", "fp8",
        "int8", "nf4", "prodigy", "tensorboard", "wandb",
    }
)  # fmt: skip


def of_catalogue(catalogue: Catalogue, say: Say) -> Catalogue:
    """Say titles and descriptions of every node, of its settings and of its ports."""
    return replace(
        catalogue, nodes={name: _node(spec, say) for name, spec in catalogue.nodes.items()}
    )


def of_config(config: ConfigInfo, say: Say) -> ConfigInfo:
    """Say what every setting of the server is for."""
    return ConfigInfo(
        settings=[
            replace(
                setting,
                description=say(f"{ABOUT}settings.{setting.name}", setting.description),
                schema=_property(setting.schema, f"{ABOUT}settings.{setting.name}", say),
            )
            for setting in config.settings
        ]
    )


def of_recipe(schema: dict[str, Any], say: Say) -> dict[str, Any]:
    """Say what every field of a recipe is for, in its JSON Schema."""
    defined = dict(schema["$defs"])
    defined["Recipe"] = _object(defined["Recipe"], f"{ABOUT}recipe", say)
    return {**schema, "$defs": defined}


def of_recommended(models: RecommendedModels, say: Say) -> RecommendedModels:
    """Say what each model to begin with is good for."""
    return RecommendedModels(
        items=[
            replace(one, about=say(f"{ABOUT}recommended.{one.name}", one.about))
            for one in models.items
        ]
    )


def english() -> dict[str, str]:
    """Collect every description from where it is declared: key → sentence."""
    found: dict[str, str] = {}

    def say(key: str, text: str) -> str:
        if text and key.startswith(ABOUT):
            found[key] = text
        return text

    _through(say)
    return found


def values() -> set[str]:
    """Collect the keys of every value that people choose and that is no name."""
    found: set[str] = set()

    def say(key: str, text: str) -> str:
        if key.startswith(VALUE):
            found.add(key)
        return text

    _through(say)
    return found


def _through(say: Say) -> None:
    """Say all that is declared in the sources."""
    of_catalogue(msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue), say)
    of_recipe(msgspec.json.schema(Recipe), say)
    _object(msgspec.json.schema(Settings)["$defs"]["Settings"], f"{ABOUT}settings", say)
    of_recommended(RecommendedModels(items=recommended()), say)


def _node(spec: NodeSpec, say: Say) -> NodeSpec:
    key = f"{ABOUT}nodes.{spec.type}"
    settings = _object(spec.settings, f"{key}.settings", say)
    if defined := spec.settings.get("$defs"):
        settings["$defs"] = {
            name: _object(one, f"{key}.settings.{name}", say) for name, one in defined.items()
        }
    return replace(
        spec,
        title=say(f"nodes.{spec.type}.title", spec.title),
        doc=say(key, spec.doc),
        settings=settings,
        inputs=[_port(port, f"{key}.inputs", say) for port in spec.inputs],
        outputs=[_port(port, f"{key}.outputs", say) for port in spec.outputs],
    )


def _port(port: Port, key: str, say: Say) -> Port:
    return replace(port, doc=say(f"{key}.{port.name}", port.doc))


def _object(schema: dict[str, Any], key: str, say: Say) -> dict[str, Any]:
    """Say the descriptions of an object's properties; its own is for who reads the source."""
    properties = schema.get("properties", {})
    said = {name: _property(one, f"{key}.{name}", say) for name, one in properties.items()}
    return {**schema, "properties": said}


def _property(schema: dict[str, Any], key: str, say: Say) -> dict[str, Any]:
    """Say a property's description and values, or those of what it may be beside null."""
    said = {**schema, **_said(schema, key, say), **_worded(schema, key, say)}
    if options := schema.get("anyOf"):
        own = "description" not in schema
        said["anyOf"] = [
            {**one, **(_said(one, key, say) if own else {}), **_worded(one, key, say)}
            for one in options
        ]
    return said


def _said(schema: dict[str, Any], key: str, say: Say) -> dict[str, str]:
    text = schema.get("description")
    return {"description": say(key, text)} if text else {}


def _worded(schema: dict[str, Any], key: str, say: Say) -> dict[str, Any]:
    """Say what each value is called; nothing where nobody has words for any of them."""
    if isinstance(items := schema.get("items"), dict):
        return {"items": {**items, **_worded(items, key, say)}}
    setting = key.rpartition(".")[2]
    words = {
        value: value if value in NAMES else say(f"{VALUE}{setting}.{value}", "")
        for value in map(str, schema.get("enum", ()))
    }
    told = {value: text or value for value, text in words.items()}
    return {WORDS: told} if any(words.values()) else {}


def write() -> None:
    """Put the descriptions as they are declared into the English words."""
    file = shipped("i18n") / "en.json"
    held: dict[str, str] = json.loads(file.read_bytes())
    held = {key: text for key, text in held.items() if not key.startswith(ABOUT)} | english()
    file.write_text(json.dumps(held, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write()
    log.info("Wrote the descriptions")
