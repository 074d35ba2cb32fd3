"""Sources as people write them, and the files that are chosen of what they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HeliographError
from core.library import sources
from core.library.addresses import Guard
from core.library.choosing import RepoFile, choose
from core.library.sources import HubSource, LocalSource, UrlSource


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:fox/den", HubSource("fox/den")),
        ("hf:fox/den:fp16", HubSource("fox/den", None, "fp16")),
        ("hf:fox/den/a.safetensors", HubSource("fox/den", None, None, "a.safetensors")),
        ("hf:fox/den:fp16/x/a.gguf", HubSource("fox/den", None, "fp16", "x/a.gguf")),
        ("hf:fox/den@v1.0", HubSource("fox/den", "v1.0")),
        ("hf:fox/den@0a1b:fp16/x/y.gguf", HubSource("fox/den", "0a1b", "fp16", "x/y.gguf")),
        ("https://huggingface.co/fox/den", HubSource("fox/den")),
        ("https://huggingface.co/fox/den/", HubSource("fox/den")),
        (
            "https://huggingface.co/fox/den/resolve/main/a%20b.safetensors?download=true",
            HubSource("fox/den", "main", None, "a b.safetensors"),
        ),
        (
            "https://huggingface.co/fox/den/blob/main/x/a.safetensors",
            HubSource("fox/den", "main", None, "x/a.safetensors"),
        ),
        ("https://civitai.com/api/1", UrlSource("https://civitai.com/api/1")),
        ("/models/a.safetensors", LocalSource("/models/a.safetensors")),
    ],
)  # fmt: skip
def test_a_source_is_read_as_what_it_names(text: str, source: object) -> None:
    assert sources.parse(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "hf:", "hf:fox", "hf:/fox/den", "hf:fox/den/", "hf:fox//den", "hf:../den", "hf:fox/..",
        "hf:fox/den/../x", "hf:fox/den/.git/config", "hf:fox/den/a\\b", "hf:fox/den@../x",
        "hf:-fox/den", "hf:fox/den--x", "hf:fox/den:a b", "hf:fox/den/a\nb", "relative", "",
        "~/models/a", "C:relative", "mailto:a@b", "javascript:1", "\0", "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_a_source_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(HeliographError):
        sources.parse(text)


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_stumble_and_no_file_leaves_its_folder(text: str) -> None:
    for tried in (text, f"hf:{text}", f"hf:fox/den/{text}", f"https://huggingface.co/a/b/{text}"):
        try:
            found = sources.parse(tried)
        except HeliographError:
            continue
        assert sources.shown(tried)
        if isinstance(found, HubSource) and found.file is not None:
            assert sources.is_plain(found.file)
            assert ".." not in found.file.split("/")
            assert not found.file.startswith("/")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/m?token=s3&type=Model", "https://a.example/m?token=***&type=Model"),
        ("https://a.example/m?X-Amz-Signature=s3#s3", "https://a.example/m?X-Amz-Signature=***"),
        ("https://a.example/?api_key=s3&auth=s3", "https://a.example/?api_key=***&auth=***"),
        ("hf:fox/den", "hf:fox/den"),
    ],
)  # fmt: skip
def test_secrets_of_an_address_are_not_shown(text: str, shown: str) -> None:
    assert sources.shown(text) == shown


def test_a_secret_goes_to_its_host_alone_and_not_in_the_open() -> None:
    secrets = ["civitai.com=abc", "127.0.0.1 = def", "broken"]
    sent = {"Authorization": "Bearer abc"}
    guard = Guard(["127.0.0.1"])
    assert sources.secret_for("https://civitai.com/x", secrets, guard) == sent
    assert sources.secret_for("https://CIVITAI.com:444/x", secrets, guard) == sent
    assert sources.secret_for("http://civitai.com/x", secrets, guard) == {}
    assert sources.secret_for("https://evil-civitai.com/x", secrets, guard) == {}
    assert sources.secret_for("https://civitai.com.evil.example/x", secrets, guard) == {}
    assert sources.secret_for("http://127.0.0.1/x", secrets, guard)["Authorization"] == "Bearer def"


def chosen(names: str, variant: str | None = None) -> list[str]:
    files = [RepoFile(name=name, bytes=1) for name in names.split()]
    return sorted(f"{one.file.name}>{one.target}" if one.file.name != one.target else one.target
                  for one in choose(files, variant))  # fmt: skip


PIPE = "model_index.json scheduler/scheduler_config.json unet/config.json"
U = "unet/diffusion_pytorch_model"
SHARD = "t/model.fp16-0000{}-of-00002.safetensors"
SHARDS = f"model_index.json t/config.json {SHARD.format(1)} {SHARD.format(2)}"
INDEX = "t/model.safetensors.index"
FULL = "t/model-00001-of-00002.safetensors t/model-00002-of-00002.safetensors"


@pytest.mark.parametrize(
    ("names", "variant", "taken"),
    [
        (
            f"{PIPE} {U}.safetensors {U}.bin {U}.fp16.safetensors {U}.non_ema.safetensors "  # noqa: ISC004
            "big.safetensors onnx/model.onnx README.md LICENSE.txt.exe run.py",
            None, f"{PIPE} {U}.safetensors",
        ),
        (
            f"{PIPE} {U}.safetensors {U}.fp16.safetensors", "fp16",
            f"{PIPE} {U}.fp16.safetensors>{U}.safetensors",
        ),
        (f"{PIPE} {U}.fp16.safetensors", None, f"{PIPE} {U}.fp16.safetensors>{U}.safetensors"),
        (f"{PIPE} unet/model.safetensors", "fp16", f"{PIPE} unet/model.safetensors"),
        (
            f"{SHARDS} {FULL} {INDEX}.json {INDEX}.fp16.json t/pytorch_model.bin.index.json",
            "fp16", f"{SHARDS} {INDEX}.fp16.json>{INDEX}.json",
        ),
        (
            "config.json diffusion_pytorch_model.safetensors control_v11p.safetensors README.md",
            None, "config.json diffusion_pytorch_model.safetensors",
        ),
        ("fox.safetensors README.md", None, "fox.safetensors"),
        ("a.fp16.safetensors a.safetensors", "fp16", "a.fp16.safetensors"),
        ("flux-q4.gguf flux-q8.gguf", "q4", "flux-q4.gguf"),
        ("x/y/../z.safetensors .hidden/a.safetensors ok.safetensors", None, "ok.safetensors"),
    ],
)  # fmt: skip
def test_of_a_repository_only_what_makes_the_model_is_taken(
    names: str, variant: str | None, taken: str
) -> None:
    assert chosen(names, variant) == sorted(taken.split())


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (f"model_index.json unet/config.json {U}.bin", "model_pickles_only"),
        ("model.ckpt", "model_pickles_only"),
        ("README.md", "model_pickles_only"),
        ("a.safetensors b.safetensors", "hub_file_needed"),
        (" ".join(f"c{n}.json" for n in range(600)) + " config.json model.safetensors",
         "model_too_many_files"),
    ],
)  # fmt: skip
def test_a_repository_without_one_safe_model_is_refused(names: str, code: str) -> None:
    with pytest.raises(HeliographError) as refused:
        chosen(names)
    assert refused.value.name == code


def test_the_checker_of_pictures_is_left_out() -> None:
    names = (
        f"{PIPE} unet/model.safetensors safety_checker/config.json safety_checker/model.safetensors"
    )
    assert not [name for name in chosen(names) if "safety" in name]
