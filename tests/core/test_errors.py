"""The tree of errors: codes are stable, unique and have words."""

import re

import core.errors as errors
from core.errors import HeliographError, Invalid, Problem


def classes() -> list[type[HeliographError]]:
    found: list[type[HeliographError]] = []
    waiting = [HeliographError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == "core.errors"]


def test_every_error_says_when_it_is_raised() -> None:
    assert all(kind.__doc__ for kind in classes())


def test_codes_are_snake_case_and_each_leaf_has_its_own() -> None:
    codes = [kind.code for kind in classes() if "code" in kind.__dict__]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in codes)


def test_the_drawn_tree_names_every_class() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in classes() if kind.__name__ not in drawn] == []


def test_an_error_shows_code_parameters_and_problems() -> None:
    error = Invalid(problems=(Problem(code="too_long", pointer="/prompt"),), limit=3)
    assert str(error) == "invalid (limit=3) /prompt: too_long {}"
