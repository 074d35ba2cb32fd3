"""A training as people write it down."""

import pytest

from core.errors import Invalid
from core.training import TaughtFolder, TrainConfig
from core.training.config import read


def test_fields_that_say_nothing_are_not_sent() -> None:
    assert TrainConfig(folder="x", token="zxv").fields == {}
    assert TrainConfig(method="full", lr_unet=2e-6).fields == {"method": "full", "lr_unet": 2e-6}


def test_the_first_subject_stands_in_the_fields() -> None:
    made = TrainConfig(
        folder="a", token="zxv", subjects=[TaughtFolder(folder="b", token="abc", class_word="cat")]
    )
    assert [(one.folder, one.token, one.class_word) for one in made.taught] == [
        ("a", "zxv", "object"), ("b", "abc", "cat"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"rank": 0}, "/rank"), ({"method": "magic"}, "/method"), ({"max_steps": 0}, "/max_steps"),
        ({"subjects": [{"folder": ""}]}, "/subjects/0/folder"),
        ({"nothing": 1}, "/nothing"), ([], ""),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: object, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(fields)
    assert [one.pointer for one in caught.value.problems] == [pointer]
