"""What a picture is to be, in the words of each pipeline's call."""

from typing import Any

import numpy as np
import pytest
import torch

from core.engine.pipelines import asking
from core.engine.pipelines.asking import Wish
from core.errors import ModelNotFinite

WISH: dict[str, Any] = {"prompt": "a fox", "width": 64, "height": 32, "seed": 9}


class Plain:
    def __call__(
        self, prompt: str, negative_prompt: str | None = None, height: int = 8, width: int = 8,
        num_inference_steps: int = 9, guidance_scale: float = 4.0, generator: Any = None,
        output_type: str = "pil", return_dict: bool = True, clean_caption: bool = True,
        use_resolution_binning: bool = True,
    ) -> Any: ...  # fmt: skip


class Distilled:
    def __call__(
        self, prompt: str, negative_prompt: str | None = None, true_cfg_scale: float = 4.0,
        guidance_scale: float | None = None, image: Any = None, mask_image: Any = None,
        strength: float = 0.6,
    ) -> Any: ...  # fmt: skip


class Sprint:
    def __call__(
        self, prompt: str, num_inference_steps: int = 2, intermediate_timesteps: float | None = 1.3
    ) -> Any: ...


def given(pipeline: Any, **wish: Any) -> dict[str, Any]:
    return asking.arguments(pipeline, Wish(**{**WISH, **wish}))[0]


def unused(pipeline: Any, **wish: Any) -> tuple[str, ...]:
    return asking.arguments(pipeline, Wish(**{**WISH, **wish}))[1]


def test_what_is_left_open_is_left_to_the_pipeline() -> None:
    asked = given(Plain())
    generator = asked.pop("generator")
    assert (generator.device.type, generator.initial_seed()) == ("cpu", 9)
    assert asked == {
        "prompt": "a fox", "height": 32, "width": 64, "output_type": "np", "return_dict": False,
        "clean_caption": False, "use_resolution_binning": False,
    }  # fmt: skip


def test_all_that_it_knows_is_passed_on() -> None:
    wish = {"negative_prompt": "blue", "steps": 5, "guidance_scale": 2.5}
    asked = given(Plain(), **wish)
    assert asked["num_inference_steps"] == 5
    assert (asked["negative_prompt"], asked["guidance_scale"]) == ("blue", 2.5)
    assert unused(Plain(), **wish) == ()


@pytest.mark.parametrize(
    ("scale", "negative", "wanted"),
    [(3.0, "", " "), (3.0, "blue", "blue"), (None, "", " "), (1.0, "", None)],
)
def test_a_distilled_model_is_guided_by_its_true_scale(
    scale: float | None, negative: str, wanted: str | None
) -> None:
    asked = given(Distilled(), guidance_scale=scale, negative_prompt=negative)
    assert asked.get("true_cfg_scale") == scale
    assert asked.get("negative_prompt") == wanted
    assert "guidance_scale" not in asked


def test_pictures_and_masks_are_those_of_every_pipeline() -> None:
    pixels = torch.zeros(1, 3, 32, 64)
    pixels[:, 0, :, 32:] = 1.0
    asked = given(Distilled(), pixels=pixels, mask=pixels[:, :1], strength=0.4)
    assert (asked["image"].mode, asked["image"].size) == ("RGB", (64, 32))
    assert asked["image"].getpixel((63, 0)) == (255, 0, 0)
    assert (asked["mask_image"].mode, asked["mask_image"].getpixel((63, 0))) == ("L", 255)
    assert asked["strength"] == 0.4


def test_what_has_no_place_is_named() -> None:
    wish = {"negative_prompt": "blue", "guidance_scale": 7.0, "strength": 0.5,
            "pixels": torch.zeros(1, 3, 32, 64)}  # fmt: skip
    assert unused(Sprint(), **wish) == (
        "setting_unused:negative_prompt", "setting_unused:guidance_scale",
        "setting_unused:strength",
    )  # fmt: skip
    assert unused(Sprint(), guidance_scale=1.0) == ()


def test_a_sprint_of_other_steps_has_no_stop_between() -> None:
    assert "intermediate_timesteps" not in given(Sprint())
    assert "intermediate_timesteps" not in given(Sprint(), steps=2)
    assert given(Sprint(), steps=3)["intermediate_timesteps"] is None


@pytest.mark.parametrize(
    "made", [np.ones((2, 4, 6, 3)), [np.ones((4, 6, 3))], (np.ones((1, 4, 6, 3)),)]
)
def test_the_first_picture_is_taken(made: Any) -> None:
    assert asking.pixels(made).shape == (1, 3, 4, 6)


@pytest.mark.parametrize("made", [np.ones((1, 4, 6, 4)), np.ones((4,))])
def test_what_is_no_picture_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="the pipeline gave"):
        asking.pixels(made)


def test_a_picture_that_is_no_number_is_told() -> None:
    with pytest.raises(ModelNotFinite):
        asking.pixels(np.full((1, 4, 6, 3), np.nan))
