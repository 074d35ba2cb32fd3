"""What the command line prints of an error: a line a problem, each with its place before it.

A place is written as its reader wrote it: ``--port``, ``HELIOGRAPH_PORT``, ``control[0].image``.
Knows no command and no stream.
"""

import re

from core.config import PREFIX
from core.errors import HeliographError, Problem
from server.words import ABOUT, Words


def lines(error: HeliographError, words: Words, language: str) -> list[str]:
    """Say everything that is wrong, in a language: ``place: message``, a line each."""
    told = [_line(problem, words, language) for problem in error.problems]
    if told:
        return list(dict.fromkeys(told))
    return [words.say(language, f"errors.{error.name}", error.params) or str(error)]


def place(problem: Problem) -> str:
    """Say where a problem is; empty where it is of no one place."""
    in_graph = not problem.pointer or "/nodes/" in problem.pointer
    if problem.node and in_graph:  # whose nodes are better known by their ids than by their places
        return problem.node + (problem.path or "").removeprefix("$")
    name = _dotted(problem.pointer)
    source = problem.params.get("source")
    if source == "flag":
        return "--" + name.replace("_", "-")
    if source == "environment":
        return PREFIX + name.upper()
    if source == "file":
        return f"{problem.params['file']}: {name}"
    return name


def _line(problem: Problem, words: Words, language: str) -> str:
    said = words.explain(language, problem)
    if problem.code == "pattern_mismatch" and "source" in problem.params:  # what would fit, then
        about = words.say(language, f"{ABOUT}settings.{_dotted(problem.pointer)}")
        said = f"{said} {about}" if about else said
    where = place(problem)
    return f"{where}: {said}" if where else said


def _dotted(pointer: str) -> str:
    """Turn a JSON pointer into what people write: ``/control/0/image`` → ``control[0].image``."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "".join(
        f"[{part}]" if index and re.fullmatch(r"\d+", part) else ("." if index else "") + part
        for index, part in enumerate(parts)
    )
