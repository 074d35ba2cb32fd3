"""kohya's TOML becomes a recipe of ours, and what has no counterpart is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.training import TrainConfig
from core.training.kohya import imported, known, parsed, repeats_of

LORA = """
[model_arguments]
pretrained_model_name_or_path = "runwayml/stable-diffusion-v1-5"
[training]
output_name = "toy"
network_module = "networks.lora"
network_dim = 32
network_alpha = 16
unet_lr = 1e-4
text_encoder_lr = 5e-5
learning_rate = 2e-4
lr_scheduler = "cosine_with_restarts"
lr_warmup_steps = 100
max_train_steps = 1000
train_batch_size = 2
gradient_accumulation_steps = 2
gradient_checkpointing = true
mixed_precision = "bf16"
optimizer_type = "AdamW8bit"
optimizer_args = ["weight_decay=0.1", "betas=0.9,0.99"]
min_snr_gamma = 5
seed = 7
clip_skip = 2
xformers = true
"""
DATASET = """
[general]
enable_bucket = true
flip_aug = true
shuffle_caption = true
[[datasets]]
resolution = 768
batch_size = 4
  [[datasets.subsets]]
  image_dir = "/pictures/toy"
  class_tokens = "zxv toy"
  num_repeats = 10
  [[datasets.subsets]]
  image_dir = "/pictures/5_abc old cat"
  [[datasets.subsets]]
  is_reg = true
  image_dir = "/pictures/reg"
"""


def test_a_training_is_read() -> None:
    made, ignored = imported(LORA)
    assert (made.method, made.rank, made.alpha, made.name) == ("lora", 32, 16, "toy")
    assert (made.lr_unet, made.lr_te) == (1e-4, 5e-5)
    assert (made.schedule, made.warmup, made.max_steps) == ("cosine_restarts", 0.1, 1000)
    assert (made.batch, made.accumulate, made.grad_checkpoint) == (2, 2, True)
    assert (made.optimizer, made.weight_decay, made.betas) == ("adamw8bit", 0.1, (0.9, 0.99))
    assert (made.precision, made.snr_gamma, made.seed) == ("bfloat16", 5, 7)
    assert (made.train_text_encoder, made.prior) == (True, "off")
    assert ignored == ["clip_skip", "xformers"]


def test_a_dataset_is_read() -> None:
    made, ignored = imported(DATASET)
    first, second = made.taught
    assert (first.folder, first.token, first.class_word) == ("/pictures/toy", "zxv", "toy")
    assert (second.token, second.class_word) == ("abc", "old cat")
    assert (made.resolution, made.batch, made.flip, made.repeats) == (768, 4, True, 10)
    assert made.prior == "images"
    assert ignored == ["is_reg", "shuffle_caption"]


def test_both_files_are_one_training_in_any_order() -> None:
    made, _ = imported(LORA, DATASET)
    turned, _ = imported(DATASET, LORA)
    assert made.taught == turned.taught
    assert made.rank == turned.rank == 32


def test_what_kohya_takes_where_nothing_is_said_is_said() -> None:
    made, _ = imported('network_module = "networks.lora"\nlearning_rate = 1e-3')
    assert (made.rank, made.alpha, made.lr_unet, made.lr_te) == (4, 1.0, 1e-3, 1e-3)
    full, _ = imported("learning_rate = 2e-6")
    assert (full.method, full.rank, full.lr_te) == ("full", None, 2e-6)
    zero, _ = imported('network_module = "networks.lora"\nnetwork_dim = 8\nnetwork_alpha = 0')
    assert zero.alpha == 8


def test_a_huber_width_counts_only_with_its_loss() -> None:
    assert imported("huber_c = 0.2")[0].huber == 0
    assert imported('huber_c = 0.2\nloss_type = "huber"')[0].huber == 0.2


def test_lycoris_names_its_algorithm() -> None:
    text = 'network_module = "lycoris.kohya"\nnetwork_args = ["algo=lokr", "factor=8"]'
    made, ignored = imported(text)
    assert made.method == "lokr"
    assert ignored == ["network_args"]


@pytest.mark.parametrize(
    ("text", "side"),
    [("512", 512), ('"512,768"', 624), ('"1024x1024"', 1024), ("[640, 640]", 640)],
)
def test_a_resolution_is_the_side_of_a_square_of_as_many_pixels(text: str, side: int) -> None:
    assert imported(f"resolution = {text}")[0].resolution == side


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("10_sks dog", (10, "sks dog")), ("/a/b/3_zxv", (3, "zxv")), ("C:\\x\\2_a b\\", (2, "a b")),
        ("sks dog", None), ("0_x", None), ("10", None),
    ],
)  # fmt: skip
def test_repeats_are_read_from_a_folder(name: str, found: tuple[int, str] | None) -> None:
    assert repeats_of(name) == found


def test_kohyas_files_are_told_from_ours() -> None:
    assert known(parsed(LORA))
    assert known(parsed(DATASET))
    assert not known(parsed('folder = "x"\nmethod = "lora"'))


@pytest.mark.parametrize("text", ["a = ", "[[", "x" * (2 << 20)])
def test_what_is_no_toml_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="recipe_unreadable"):
        imported(text)


@pytest.mark.parametrize(
    "text", ['network_dim = "many"', "train_batch_size = -3", "max_grad_norm = [1]"]
)
def test_a_value_that_cannot_be_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        imported('network_module = "networks.lora"\n' + text)
    assert caught.value.problems[0].pointer.startswith("/")


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20)


@given(
    st.dictionaries(
        st.sampled_from(
            ["resolution", "network_args", "optimizer_args", "lr_warmup_steps", "loss_type",
             "text_encoder_lr", "stop_text_encoder_training", "network_module", "num_repeats",
             "train_data_dir", "lr_scheduler", "nothing_known"]
        ),
        st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | st.text("ab1,=x[]", max_size=9)
        | st.lists(st.text("abc=,1", max_size=8), max_size=3),
        max_size=6,
    )
)  # fmt: skip
def test_any_value_is_read_or_refused(arguments: dict[str, object]) -> None:
    text = "\n".join(f"{name} = {toml(value)}" for name, value in arguments.items())
    try:
        made, _ = imported(text)
    except Invalid:
        return
    assert isinstance(made, TrainConfig)


def toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
