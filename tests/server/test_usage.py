"""What ``argparse`` says of arguments becomes problems of ours; held to what it really says."""

from collections.abc import Sequence

import pytest

from core.errors import Params
from server import cli
from server.usage import UsageRefused, problem_of


@pytest.mark.parametrize(
    ("arguments", "pointer", "code", "params"),
    [
        (["serve", "--prot", "1"], "/--prot 1", "argument_unknown", {}),
        (["generate"], "/prompt", "argument_needed", {}),
        (["generate", "x", "--steps"], "/--steps", "argument_without_value", {}),
        (["generate", "x", "-o"], "/-o~1--output", "argument_without_value", {}),
        (["generate", "x", "--quiet=1"], "/--quiet", "argument_takes_none", {}),
        (["generate", "x", "--steps", "many"], "/--steps", "wrong_type", {"expected": "int"}),
        (
            ["generate", "x", "--strength", "much"], "/--strength", "wrong_type",
            {"expected": "float"},
        ),
        (
            ["generate", "x", "--dynamic", "no"], "/--dynamic", "not_one_of",
            {"values": "random, combinatorial"},
        ),
        (
            ["generate", "x", "--mask-p", "7", "--hires-s", "1"], "/--hires-s", "not_one_of",
            {"values": "--hires-strength, --hires-steps"},
        ),
        (
            ["generate", "x", "--sweep", "it's"], "/--sweep", "argument_form",
            {"given": "it's", "wanted": "SETTING=VALUES"},
        ),
        (
            ["generate", "x", "--sweep", "a=[1"], "/--sweep", "argument_form",
            {"given": "[1", "wanted": "JSON"},
        ),
        (
            ["workflows", "run", "x", "-i", "steps"], "/-i~1--input", "argument_form",
            {"given": "steps", "wanted": "name=value"},
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_a_code_a_place_and_names_the_help(
    arguments: Sequence[str], pointer: str, code: str, params: Params
) -> None:
    with pytest.raises(UsageRefused) as refused:
        cli.parser(arguments[0]).parse_args(arguments)
    problem, help_ = refused.value.problems
    assert (problem.pointer, problem.code, problem.params) == (pointer, code, params)
    assert help_.params == {"command": f"heliograph {arguments[0]} --help"}
    assert refused.value.exit_code == 2


def test_an_unknown_command_names_those_that_there_are() -> None:
    with pytest.raises(UsageRefused) as refused:
        cli.parser("dance").parse_args(["dance"])
    problem, help_ = refused.value.problems
    assert (problem.pointer, problem.code) == ("/command", "not_one_of")
    assert problem.params["values"] == ", ".join(cli.COMMANDS)
    assert help_.params == {"command": "heliograph --help"}


def test_a_sentence_that_is_not_known_is_said_as_it_is() -> None:
    problem = problem_of("argument --x: not in the mood")
    assert (problem.pointer, problem.code) == ("/--x", "argument_refused")
    assert problem.params == {"reason": "not in the mood"}
    assert problem_of("out of luck").pointer == ""
