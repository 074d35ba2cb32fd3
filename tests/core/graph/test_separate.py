"""Which parts may be taken from files of which families."""

import pytest

from core.graph.separate import FORMATS, PARTS, fits


@pytest.mark.parametrize(
    ("kind", "family", "model", "fit"),
    [
        ("vae", "sd1", "sd1", True), ("vae", "sd1", "sd2", True), ("vae", "sd2", "sd1", True),
        ("vae", "sdxl", "sd1", False), ("vae", "flux", "sd3", False), ("vae", "", "sd1", True),
        ("vae", "unknown", "flux", True), ("vae", "sd1", "unknown", True),
        ("text_encoder", "sd3", "flux", True), ("lora", "sd1", "sd2", False),
    ],
)  # fmt: skip
def test_what_is_of_the_family_or_of_an_unknown_one_fits(
    kind: str, family: str, model: str, fit: bool
) -> None:
    assert fits(kind, family, model) is fit


def test_each_part_is_named_by_a_setting_of_its_kind() -> None:
    assert [FORMATS[part] for part in PARTS] == ["vae", *["text_encoder"] * 3]
