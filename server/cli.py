"""The command line: arguments in, an exit code out. Each command is a file of its own.

Exit codes: 0 done, 1 the work failed, 2 usage, 75 data directory in use, 78 configuration refused.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

import core
from core.config import Config, Settings, load, spoken
from core.errors import HeliographError, Params, StartError
from core.log import escape
from core.paths import Layout, shipped
from server import complaints
from server.usage import Parser
from server.words import Words

COMMANDS = {  # name → help; the code of each is imported when it is asked for
    "serve": "start the server (the default)",
    "generate": "draw a picture and save it",
    "replay": "draw a picture again from its metadata, and say what differs",
    "train": "teach a model a subject from a folder of pictures, and watch it learn",
    "workflows": "list saved workflows, and run one by its name",
    "import": "take a folder of other programs' pictures into the gallery",
    "models": "list, show, edit and find models",
    "token": "make, list and revoke tokens",
    "backup": "copy the database while the server runs",
    "restore": "put a copy of the database back while no server runs",
    "doctor": "find what is wrong with this machine, and say how to fix it",
    "config": "show every setting and where it comes from",
}
_WORDS: ContextVar[Words | None] = ContextVar("words", default=None)
_FLAGS = (
    "host", "port", "device", "dtype", "quantize", "threads", "token", "language", "log_level",
    "log_format", "log_file", "allowed_hosts", "models_dirs", "fake_engine",
)  # fmt: skip


def run(arguments: Sequence[str]) -> int:
    """Run one command."""
    arguments = list(arguments)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _OWN):
        arguments.insert(0, "serve")
    before = _WORDS.set(None)
    try:
        parsed = parser(arguments[0]).parse_args(arguments)
        flags = {name: getattr(parsed, name, None) for name in Settings.__struct_fields__}
        config = load(flags=flags, file=Path(parsed.config) if parsed.config else None)
        _WORDS.set(_speak(config))
        module = _module(parsed.command)
        code: int = module.run(parsed, config)
    except HeliographError as error:
        return _failed(error)
    except ExceptionGroup as group:  # a command's own server runs in a task group
        if isinstance(inner := _only(group), HeliographError):
            return _failed(inner)
        raise
    except KeyboardInterrupt:
        return 130
    finally:
        _WORDS.reset(before)
    return code


def _module(command: str) -> ModuleType:
    name = "moving" if command == "import" else command  # a keyword names no module
    return importlib.import_module(f"server.commands.{name}")


def words() -> Words:
    """Give the words of this terminal: a language that was set, else that of the terminal."""
    return _WORDS.get() or Words(shipped("i18n"), spoken())


def language() -> str:
    """Give the language of this terminal, of those that there are."""
    return words().choose(None)


def _speak(config: Config) -> Words:
    """Read the languages, those of the data directory too."""
    settings = config.settings
    chosen = config.sources["language"] != "default"
    default = settings.language if chosen else spoken() or settings.language
    return Words(shipped("i18n"), default, Layout(Path(settings.data_dir)).words)


def _failed(error: HeliographError) -> int:
    complain(error)
    return error.exit_code if isinstance(error, StartError) else 1


def _only(error: Exception) -> Exception:
    """Give what a group holds, if that is one thing."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


_OWN = ("-h", "--help", "--version")


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """Make the parser; the arguments of ``wanted`` alone are filled in, to start fast."""
    top = Parser(prog="heliograph", description="A studio server for diffusion.")
    top.add_argument("--version", action="version", version=f"heliograph {core.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, doc in COMMANDS.items():
        command = commands.add_parser(name, help=doc, description=doc)
        place_flags(command)
        if name == wanted:
            top.asked = name
            _module(name).arguments(command)
    return top


def place_flags(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the flags that say where everything lies.

    :param default: ``argparse.SUPPRESS`` for a command below another, which has set it already.
    """
    help_ = "where the database, pictures and models live"
    command.add_argument("--data-dir", default=default, help=help_)
    command.add_argument("--config", default=default, help="a YAML file of settings")


def settings_flags(command: argparse.ArgumentParser) -> None:
    """Add a flag for each setting that ``serve`` takes."""
    for name in _FLAGS:
        flag = "--" + name.replace("_", "-")
        if isinstance(getattr(Settings(), name), bool):
            command.add_argument(flag, action="store_const", const=True, default=None)
        else:
            command.add_argument(flag, metavar=name.upper())


def complain(error: HeliographError) -> None:
    """Print an error to standard error, one line a problem."""
    for line in complaints.lines(error, words(), language()):
        sys.stderr.write(f"heliograph: {escape(line)}\n")


def remark(name: str, of: str = "degraded", params: Params | None = None) -> None:
    """Print to standard error what is not as it was asked for, where there are words for it."""
    if said := told(f"{of}.{name}", params):
        sys.stderr.write(f"heliograph: {escape(said)}\n")


def told(key: str, params: Params | None = None) -> str | None:
    """Give a sentence in the language of this terminal; ``None`` if nobody wrote it."""
    return words().say(language(), key, params)


def say(text: str) -> None:
    """Print a line of a command's result, or some; programs get it as it is, a terminal escaped."""
    if sys.stdout.isatty():
        text = "\n".join(map(escape, text.split("\n")))
    sys.stdout.write(f"{text}\n")
