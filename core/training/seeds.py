"""Seeds of a run: one for each thing that has a name, of the run's own. Knows no generator."""

import hashlib

_EXACT = 2**53  # seeds of pictures stay exact in a browser's numbers


def derived(seed: int, *names: str | int) -> int:
    """Give the seed, 63 bits, of something that has a name; one for each name and seed."""
    told = hashlib.sha256(repr((seed, *names)).encode("utf-8")).digest()
    return int.from_bytes(told[:8], "big") >> 1


def of_sample(seed: int, number: int) -> int:
    """Give the seed of a run's sample: the same at every step, so that they can be compared."""
    return derived(seed, "sample", number) % _EXACT
