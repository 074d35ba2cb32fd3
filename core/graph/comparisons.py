"""Comparisons of numbers, by the words that graphs have for them."""

import operator
from collections.abc import Callable

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "less": operator.lt,
    "at_most": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "at_least": operator.ge,
    "more": operator.gt,
}
