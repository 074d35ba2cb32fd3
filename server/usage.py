"""How arguments that make no sense are refused: as every other error is, in the reader's language.

Knows the sentences of ``argparse`` and what each of them means; one that is not among them is
said as it is.
"""

import argparse
import re
from collections.abc import Mapping
from typing import NoReturn

from core.errors import Params, Problem, StartError
from core.graph.fields import join

# What argparse says, and the code of it; a place that stands in the sentence comes first.
_SAID: tuple[tuple[str, str], ...] = (
    (r"unrecognized arguments: (?P<place>.*)", "argument_unknown"),
    (r"the following arguments are required: (?P<place>.*)", "argument_needed"),
    (r"expected .*arguments?", "argument_without_value"),
    (r"ignored explicit argument .*", "argument_takes_none"),
    (r"ambiguous option: (?P<place>.*) could match (?P<values>.*)", "not_one_of"),
    (r"invalid choice: .* \(choose from (?P<values>.*)\)", "not_one_of"),
    (r"invalid (?P<expected>int|float) value: .*", "wrong_type"),
    (r"['\"](?P<given>.*)['\"] is not (?P<wanted>\S+)", "argument_form"),
)
_PLACED = re.compile(r"argument (?P<place>[^:]+): (?P<said>.*)", re.DOTALL)


class UsageRefused(StartError):
    """Raised for arguments that a command does not take."""

    code = "usage_refused"
    exit_code = 2


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong, in place of printing it and all that would be right."""

    asked = ""  # the command below this one that was named, whose help is worth more

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        :raises UsageRefused: always; its last problem names the help.
        """
        command = " ".join(filter(None, (self.prog, self.asked, "--help")))
        help_ = Problem(code="argument_help", params={"command": command})
        raise UsageRefused(problems=(problem_of(message), help_))


def problem_of(message: str) -> Problem:
    """Turn a sentence of ``argparse`` into a problem with a code."""
    placed = _PLACED.fullmatch(message)
    where, said = (placed["place"], placed["said"]) if placed else ("", message)
    for pattern, code in _SAID:
        if found := re.fullmatch(pattern, said, re.DOTALL):
            params = _params(found.groupdict())
            where = str(params.pop("place", where))
            return Problem(code=code, pointer=join("", where), params=params)
    told: Params = {"reason": said}
    return Problem(code="argument_refused", pointer=join("", where) if where else "", params=told)


def _params(found: Mapping[str, str | None]) -> Params:
    """Take the quotes off values, which are those of Python."""
    return {
        name: value.replace("'", "") if name == "values" and value else value
        for name, value in found.items()
    }
